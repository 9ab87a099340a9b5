export function normalizeTarget(raw: string): string | null {
  return raw.trim() || null;
}
export function normalizeAllowEntry(raw: string): string | null {
  return raw.trim() || null;
}
