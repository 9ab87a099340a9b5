/** The only part that is not real: a model provider that speaks OpenAI's chat completions, with streaming, and answers by script. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Json } from "./json.ts";

/** One answer of the model: a text, or a call of a tool. */
export interface Step {
  text?: string;
  tool?: { name: string; args: Record<string, unknown> };
  /** How long the model thinks, in milliseconds. */
  thinks?: number;
  /** The answer waits for this. */
  holds?: Promise<unknown>;
}

/** A request as the gateway sent it. */
export interface Asked {
  /** The model that was asked. */
  model: string;
  marker: string | undefined;
  messages: { role: string; content: Json; tool_calls?: unknown[] }[];
  tools: string[];
}

const UNSCRIPTED = "NO_REPLY";

export class Model {
  readonly requests: Asked[] = [];
  #scripts = new Map<string, Step[]>();
  #server: Server;
  #answers = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error) => response.destroy(error));
    });
  }

  static async start(): Promise<Model> {
    const model = new Model();
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    return model;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /**
   * Answers a turn about `marker`: with the first step, and after each result of a tool with the next one. The same request gets the same answer again, also after a crash of the gateway.
   */
  on(marker: string, ...steps: Step[]): void {
    this.#scripts.delete(marker); // the newest is last
    this.#scripts.set(marker, steps);
  }

  /** The requests of turns with this marker. */
  asked(marker: string): Asked[] {
    return this.requests.filter((request) => request.marker === marker);
  }

  /** What tools answered in turns with this marker. */
  results(marker: string): string[] {
    return this.asked(marker).flatMap(resultsIn);
  }

  /** What tools answered last, for a failed test. */
  tail(): string {
    return this.requests
      .flatMap(resultsIn)
      .slice(-3)
      .map((result) => result.slice(0, 500))
      .join("\n");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "GET") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ object: "list", data: [{ id: "echo", object: "model" }] }));
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const { marker, results } = this.#turn(body.messages);
    const tools = (body.tools ?? []).map((tool: Json) => tool.function.name);
    this.requests.push({ model: body.model, marker, messages: body.messages, tools });
    const steps = marker === undefined ? [] : (this.#scripts.get(marker) ?? []);
    const step = steps[Math.min(results, steps.length - 1)] ?? { text: UNSCRIPTED };
    await Promise.all([step.holds, step.thinks && pause(step.thinks)]);
    this.#stream(response, step);
  }

  /**
   * The marker of this turn, and how many results of tools it has. Of all markers in a conversation that is the one that was scripted
   * last: earlier ones are in its history and in quotes.
   */
  #turn(messages: Asked["messages"]): { marker: string | undefined; results: number } {
    const texts = messages.map(({ role, content }) => (role === "user" ? textOf(content) : ""));
    const marker = [...this.#scripts.keys()].findLast((each) => texts.some((text) => text.includes(each)));
    const from = marker === undefined ? 0 : texts.findLastIndex((text) => text.includes(marker));
    return { marker, results: messages.slice(from).filter(({ role }) => role === "tool").length };
  }

  #stream(response: ServerResponse, { text, tool }: Step): void {
    const id = `answer-${++this.#answers}`;
    const base = { id, object: "chat.completion.chunk", model: "echo" };
    const send = (part: object) => response.write(`data: ${JSON.stringify({ ...base, ...part })}\n\n`);
    const choice = (delta: object, finish: string | null = null) =>
      send({ choices: [{ index: 0, delta, finish_reason: finish }] });
    response.setHeader("content-type", "text/event-stream");
    choice({ role: "assistant", content: "" });
    if (tool) {
      const call = { name: tool.name, arguments: JSON.stringify(tool.args) };
      choice({ tool_calls: [{ index: 0, id: `call-${this.#answers}`, type: "function", function: call }] });
    } else choice({ content: text ?? UNSCRIPTED });
    choice({}, tool ? "tool_calls" : "stop");
    send({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } });
    response.end("data: [DONE]\n\n");
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function resultsIn({ messages }: Asked): string[] {
  return messages.filter(({ role }) => role === "tool").map(({ content }) => textOf(content));
}

/** All text of a message's content. */
export function textOf(content: Json): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => part.text ?? "").join("\n");
}

/** The data URLs of the images in a request. */
export function imagesOf(asked: Asked): string[] {
  const parts = asked.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  return parts.flatMap((part) => part.image_url?.url ?? []);
}

/** Everything that the model was given, as one text. */
export function promptOf(asked: Asked): string {
  return asked.messages.map(({ content }) => textOf(content)).join("\n");
}
