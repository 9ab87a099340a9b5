import { test } from "node:test";
import { dropIn } from "./drop-in.ts";
import { showFeatures, withTail } from "./harness/suite.ts";

showFeatures("official", (rig) => {
  test("an agent takes the account over, and our channel its configuration", () => withTail(rig, () => dropIn(rig())));
});
