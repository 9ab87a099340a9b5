/** The gateway's WebSocket API, as its Control UI and its command line use it; without their start-up time of seconds. */

import type { Json } from "./json.ts";
import { until } from "./wait.ts";

const SCOPES = ["admin", "read", "write", "approvals", "pairing"].map((scope) => `operator.${scope}`);
const CLIENT = { id: "gateway-client", version: "1.0.0", platform: "linux", mode: "backend" };
const CALL_MS = 90_000;

interface Pending {
  resolve(value: Json): void;
  reject(error: Error): void;
}

export class Rpc {
  #socket: WebSocket;
  #pending = new Map<string, Pending>();
  #next = 0;
  #token: string;
  #ready = false;
  #failure: Error | undefined;

  private constructor(port: number, token: string) {
    this.#token = token;
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}`);
    this.#socket.onmessage = ({ data }) => this.#receive(JSON.parse(String(data)));
    this.#socket.onerror = () => this.#fail(new Error("the gateway's WebSocket failed"));
    this.#socket.onclose = () => this.#fail(new Error("the gateway's WebSocket was closed"));
  }

  static async connect(port: number, token: string): Promise<Rpc> {
    const rpc = new Rpc(port, token);
    await until("a connection to the gateway", () => {
      if (rpc.#failure) throw rpc.#failure;
      return rpc.#ready;
    });
    return rpc;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }

  #receive(frame: Json): void {
    if (frame.type === "event" && frame.event === "connect.challenge") {
      const params = { minProtocol: 4, maxProtocol: 4, client: CLIENT, role: "operator", scopes: SCOPES };
      this.call("connect", { ...params, caps: [], auth: { token: this.#token } }).then(
        () => {
          this.#ready = true;
        },
        (error) => this.#fail(error),
      );
    }
    if (frame.type !== "res") return;
    const pending = this.#pending.get(frame.id);
    this.#pending.delete(frame.id);
    if (frame.ok) pending?.resolve(frame.payload);
    else pending?.reject(new Error(`${frame.error?.code}: ${frame.error?.message}`));
  }

  /** Calls a method of the gateway. */
  async call(method: string, params: Record<string, unknown> = {}): Promise<Json> {
    if (this.#failure) throw this.#failure;
    const id = String(++this.#next);
    const answer = new Promise<Json>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    const timer = setTimeout(() => this.#pending.get(id)?.reject(new Error(`${method}: no answer`)), CALL_MS);
    return answer.finally(() => clearTimeout(timer));
  }

  close(): void {
    this.#failure ??= new Error("closed");
    this.#socket.close();
  }
}
