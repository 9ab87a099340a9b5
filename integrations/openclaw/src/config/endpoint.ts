import { join } from "node:path";
import { resolveUserPath } from "openclaw/plugin-sdk/account-core";
import type { AgentSettings } from "./settings.js";

/** Where an agent is, with absolute paths. */
export type Endpoint =
  | { kind: "socket"; path: string }
  | { kind: "tls"; address: string; ca: string; cert: string; key: string }
  /** The configuration names no agent that could be connected to. */
  | { kind: "missing"; problem: string; fix: string };

type Env = Record<string, string | undefined>;

/** The agent's own default (`docs/settings.md`), so that an agent on the gateway's machine needs no configuration. */
export function defaultSocket(env: Env = process.env): string {
  if (env.OPENCLAW_SOCKET) return resolveUserPath(env.OPENCLAW_SOCKET);
  const runtime = env.XDG_RUNTIME_DIR;
  return runtime ? join(runtime, "openclaw", "agent.sock") : "/run/openclaw/agent.sock";
}

/**
 * Resolves the endpoint of one account.
 *
 * Only the default account falls back to the default socket: one agent is one number, so two accounts on one agent would
 * both answer every message.
 */
export function resolveEndpoint(params: {
  settings: AgentSettings | undefined;
  path: string;
  isDefault: boolean;
}): Endpoint {
  const { settings, path, isDefault } = params;
  const missing = (problem: string, fix: string): Endpoint => ({ kind: "missing", problem, fix });
  const socket = settings?.socket?.trim();
  const address = settings?.address?.trim();
  if (socket && address)
    return missing(`${path} has both socket and address`, `remove one of ${path}.socket and ${path}.address`);
  if (address) return tlsEndpoint(address, settings?.keys, path);
  if (socket) return { kind: "socket", path: resolveUserPath(socket) };
  if (isDefault) return { kind: "socket", path: defaultSocket() };
  return missing(
    `${path} names no agent`,
    `set ${path}.socket, or ${path}.address and ${path}.keys: each account needs an agent of its own`,
  );
}

function tlsEndpoint(address: string, keys: AgentSettings["keys"], path: string): Endpoint {
  if (!/^(\[[0-9a-fA-F:.%]+\]|[^\s:/[\]]+):\d{1,5}$/.test(address))
    return {
      kind: "missing",
      problem: `${path}.address is not host:port`,
      fix: `write it as "agent.example.com:50051"`,
    };
  if (!keys)
    return {
      kind: "missing",
      problem: `${path}.address needs keys`,
      fix: `run \`openclawctl context export --pem DIR\` on an enrolled machine, and set ${path}.keys to DIR`,
    };
  if (typeof keys !== "string")
    return {
      kind: "tls",
      address,
      ca: resolveUserPath(keys.ca),
      cert: resolveUserPath(keys.cert),
      key: resolveUserPath(keys.key),
    };
  const dir = resolveUserPath(keys);
  return {
    kind: "tls",
    address,
    ca: join(dir, "agent.pem"),
    cert: join(dir, "client.pem"),
    key: join(dir, "client-key.pem"),
  };
}
