import type { SendResponse, UploadResponse, WatchEventsResponse } from "./api.js";
import { type Download, type DownloadOptions, download, type FileRef } from "./download.js";
import { defaultSocket } from "./keys.js";
import { type Picture, type PictureOptions, picture } from "./picture.js";
import { type Rpc, rpcOver } from "./rpc.js";
import { type RetryOptions, repeated, type SendInit, send } from "./send.js";
import { type Connection, open, type Target } from "./transport.js";
import { type UploadOptions, type UploadSource, upload } from "./upload.js";
import { type WatchOptions, watch } from "./watch.js";

/** A client of one agent. Every call fails with `AgentError`. */
export class Agent implements Disposable {
  /** All calls of the API, by service. None is repeated by itself. */
  readonly rpc: Rpc;
  readonly #connection: Connection;

  /**
   * A client of the agent at `target`, by default the one on this machine. It connects with its first call; only an invalid
   * address or invalid keys fail here.
   */
  static connect(target: Target = { socket: defaultSocket() }): Agent {
    return new Agent(open(target));
  }

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.rpc = rpcOver(connection);
  }

  /**
   * Streams events, and whatever else `WatchEventsResponse` has. It continues by itself after a lost connection or a restart
   * of the agent, after the last item that it gave, so it gives no event twice. It fails only if a person has to act, and ends
   * with `signal` or `close`.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<WatchEventsResponse, void, undefined> {
    return watch(this.rpc, this.#connection, options);
  }

  /**
   * Stores durably that `consumer` has processed all events up to `seq`, and returns its position. Repeats the call after a
   * transient failure.
   */
  async ack(consumer: string, seq: bigint, options: RetryOptions = {}): Promise<bigint> {
    const call = () => this.rpc.agent.ackEvents({ consumer, seq }, { signal: options.signal });
    return (await repeated(call, this.#connection, options)).seq;
  }

  /**
   * Sends a message, reaction, edit, deletion or vote. With `clientToken` the call is repeated after a transient failure, and
   * never sends a second message; without it the call is made once.
   */
  send(request: SendInit, options: RetryOptions = {}): Promise<SendResponse> {
    return send(this.rpc, this.#connection, request, options);
  }

  /** Begins to download the file of a message, and returns once the agent has described it. */
  download(ref: FileRef, options: DownloadOptions = {}): Promise<Download> {
    return download(this.rpc, ref, options);
  }

  /** Uploads a file, to send it once with `content.media.mediaId`. */
  upload(source: UploadSource, options: UploadOptions): Promise<UploadResponse> {
    return upload(this.rpc, source, options);
  }

  /** Fetches the picture of a person or of a group. `undefined` if there is none, or if the account may not see it. */
  picture(of: string, options: PictureOptions = {}): Promise<Picture | undefined> {
    return picture(this.rpc, of, options);
  }

  /** Ends the connection: loops over `watch` end, and calls fail with CLIENT_CLOSED. */
  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
