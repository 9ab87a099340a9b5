/** All features, in the order in which they are shown: those that change the gateway come last. */

import { access } from "./access.ts";
import { agents } from "./agents.ts";
import { context } from "./context.ts";
import { media } from "./media.ts";
import { operations } from "./operations.ts";
import { prompts } from "./prompts.ts";
import type { Row } from "./row.ts";
import { text } from "./text.ts";

export const rows: Row[] = [...text, ...context, ...media, ...access, ...prompts, ...agents, ...operations];
