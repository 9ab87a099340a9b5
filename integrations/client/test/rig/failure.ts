import assert from "node:assert/strict";
import { inspect } from "node:util";
import { AgentError } from "@openclaw-agent/client";

/** The error of a call, which must fail with an explained one. */
export async function failureOf(call: Promise<unknown>): Promise<AgentError> {
  try {
    await call;
  } catch (error) {
    assert.ok(AgentError.is(error), inspect(error));
    // Who ended a call needs no hint.
    assert.ok(error.hint || error.reason === "CANCELED", `no hint: ${error.message}`);
    return error;
  }
  assert.fail("the call succeeded");
}
