/** What another program answered. A test that misreads it fails. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is the other program's
export type Json = any;
