export { Code } from "@connectrpc/connect";
export type { WatchOptions } from "./agent.js";
export { Agent } from "./agent.js";
export * from "./api.js";
export { AgentError } from "./error.js";
export { Agent as AgentService } from "./gen/openclaw/agent/v1/agent_pb.js";
