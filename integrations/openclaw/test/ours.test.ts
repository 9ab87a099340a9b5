import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeOf } from "./harness/install.ts";
import { showFeatures } from "./harness/suite.ts";

const MAX_INSTALLED = 15_000_000;

showFeatures("ours", (rig) => {
  test("no rule of the protocol was broken", () => rig().simulator.assertClean());

  test("the installed plugin has at most 15 MB", async () => {
    const bytes = await sizeOf(rig().gateway);
    assert.ok(bytes > 10_000 && bytes <= MAX_INSTALLED, `${bytes} bytes`);
  });
});
