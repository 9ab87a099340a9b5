/** The gateway's Control UI in Chromium, as an operator uses it. */

import { Chromium } from "../../../../ctl/tests/browser/src/chromium.mjs";
import type { Gateway } from "./gateway.ts";
import { PATIENCE_MS, until } from "./wait.ts";

/** The page shows a QR code with a side of 160 pixels: too few for the reader, unless the screen has more than one for each. */
const SCALE = 2;

type Tab = Awaited<ReturnType<Chromium["tab"]>>;

export class ControlUi {
  readonly #chromium: Chromium;
  readonly #tab: Tab;

  private constructor(chromium: Chromium, tab: Tab) {
    this.#chromium = chromium;
    this.#tab = tab;
  }

  /** Opens the settings of the channel WhatsApp. */
  static async open(gateway: Gateway): Promise<ControlUi> {
    const chromium = await Chromium.start();
    const ui = new ControlUi(chromium, await chromium.tab({ width: 1200, scale: SCALE }));
    ui.#tab.setDefaultTimeout(PATIENCE_MS);
    await ui.#tab.goto(gateway.channelsPage);
    await ui.#tab.locator("button.channels-item ::-p-text(WhatsApp)").click();
    return ui;
  }

  /** Presses the button with this text. */
  async press(name: string): Promise<void> {
    await this.#tab.locator(`::-p-aria([name="${name}"][role="button"])`).click();
  }

  /** The text of the QR code that the page shows. */
  async code(): Promise<string> {
    const image = await this.#tab.waitForSelector('img[alt="WhatsApp QR"]');
    return until("a QR code on the page", async () => this.#chromium.decode(await image?.screenshot()));
  }

  /** Waits until the page shows this text. */
  async shows(text: string): Promise<void> {
    await this.#tab.waitForSelector(`::-p-text(${text})`, { visible: true });
  }

  /** The origins to which the page has sent requests. */
  get origins(): string[] {
    return this.#chromium.origins();
  }

  async close(): Promise<void> {
    await this.#chromium.stop();
  }
}
