import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  DownloadStart,
  EventFilterSchema,
  MediaKind,
  MessageRefSchema,
  SendRequestSchema,
  SendResponse,
  UploadResponse,
  UploadStartSchema,
  WatchEventsResponse,
} from "./api.js";
import { AgentError } from "./error.js";
import { type Rpc, rpcOver } from "./rpc.js";
import { type Connection, open, type Target } from "./transport.js";

export interface WatchOptions {
  consumer?: string;
  filter?: MessageInitShape<typeof EventFilterSchema>;
  after?: bigint;
  presenceOf?: string[];
  signal?: AbortSignal;
  onLost?(error: AgentError): void;
  onResumed?(): void;
}

export class Agent {
  readonly rpc: Rpc;
  readonly #connection: Connection;

  static connect(target: Target): Agent {
    return new Agent(open(target));
  }

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.rpc = rpcOver({ transport: connection.transport, explain: AgentError.from });
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<WatchEventsResponse, void, undefined> {
    const { consumer = "", filter, after, presenceOf = [], signal } = options;
    yield* this.rpc.agent.watchEvents({ consumer, filter, after, presenceOf, follow: true }, { signal });
  }

  async ack(consumer: string, seq: bigint): Promise<bigint> {
    return (await this.rpc.agent.ackEvents({ consumer, seq })).seq;
  }

  async send(
    request: MessageInitShape<typeof SendRequestSchema>,
    options: { signal?: AbortSignal } = {},
  ): Promise<SendResponse> {
    return this.rpc.agent.send(request, options);
  }

  close(): void {
    this.#connection.close();
  }
}
