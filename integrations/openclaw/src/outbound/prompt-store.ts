/**
 * Keeps the prompts that wait for a reaction over a restart of the gateway, in one small file in its state folder. The
 * SDK's own store is open to the gateway's official plugins only.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { KeyedStore } from "openclaw/plugin-sdk/approval-reaction-runtime";
import { PLUGIN_ID } from "../config/settings.js";
import { getRuntime } from "../runtime.js";

type Record = { version: number; target: unknown };
type Entries = Map<string, { value: Record; expiresAt: number }>;

/** Opens the store in the gateway's state folder. Throws outside a gateway. */
export function openPromptStore({ namespace, maxEntries }: { namespace: string; maxEntries: number }): KeyedStore {
  const path = join(getRuntime().state.resolveStateDir(), "plugins", PLUGIN_ID, `${namespace}.json`);
  return new FileStore(path, maxEntries);
}

/** A few entries in a file that is replaced as a whole. */
export class FileStore implements KeyedStore {
  readonly #path: string;
  readonly #maxEntries: number;
  readonly #entries: Entries;

  constructor(path: string, maxEntries: number) {
    this.#path = path;
    this.#maxEntries = maxEntries;
    this.#entries = read(path);
  }

  async register(key: string, value: Record, { ttlMs }: { ttlMs: number }): Promise<void> {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt: Date.now() + ttlMs });
    this.#write();
  }

  async lookup(key: string): Promise<Record | undefined> {
    const entry = this.#entries.get(key);
    return entry && entry.expiresAt > Date.now() ? entry.value : undefined;
  }

  async delete(key: string): Promise<void> {
    if (this.#entries.delete(key)) this.#write();
  }

  #write(): void {
    const now = Date.now();
    for (const [key, { expiresAt }] of this.#entries) if (expiresAt <= now) this.#entries.delete(key);
    const kept = [...this.#entries].slice(-this.#maxEntries);
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const next = `${this.#path}.next`;
    writeFileSync(next, JSON.stringify(kept), { mode: 0o600 });
    renameSync(next, this.#path);
  }
}

/** An unreadable file is an empty one: the prompts in it can still be answered by text. */
function read(path: string): Entries {
  try {
    return new Map(JSON.parse(readFileSync(path, "utf8")) as [string, { value: Record; expiresAt: number }][]);
  } catch {
    return new Map();
  }
}
