import assert from "node:assert/strict";
import { test } from "node:test";
import { features } from "./harness/page.ts";
import { rows } from "./rows/index.ts";

test("the table of features in docs/openclaw.md has a row for each test, and none without one", async () => {
  const shown = rows.map(({ name, officialLacks }) => ({ name, ours: true, official: !officialLacks }));
  assert.deepEqual(await features(), shown);
});
