export { create, type MessageInitShape } from "@bufbuild/protobuf";
export { Code } from "@connectrpc/connect";
// The class takes the name of the service of the API, which is `AgentService` here.
export { Agent } from "./agent.js";
export * from "./api.js";
export type { Download, DownloadOptions, FileRef, SavedFile } from "./download.js";
export { AgentError, type AgentErrorInit } from "./error.js";
export { Agent as AgentService } from "./gen/openclaw/agent/v1/agent_pb.js";
export { defaultSocket, type Keys, loadKeys, type Pem } from "./keys.js";
export type { Picture, PictureOptions } from "./picture.js";
export type { Rpc } from "./rpc.js";
export type { RetryOptions, SendInit } from "./send.js";
export type { Target } from "./transport.js";
export type { UploadOptions, UploadSource } from "./upload.js";
export type { WatchOptions } from "./watch.js";
