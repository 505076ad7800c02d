// Parses the source of a model or data from one word on the command line: `owner/name` on the hub,
// `s3://bucket/prefix`, `claim:NAME/path` in a volume, or a path on this machine.

export interface WrittenSource {
  /** The member of a source and its fields, for the file. */
  readonly source: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Last segment of the source, for names. */
  readonly name: string;
  readonly isLocal: boolean;
}

export function sourceOf(text: string, existsHere: (path: string) => boolean): WrittenSource {
  const name = lastWord(text);
  if (text.startsWith('s3://')) return { source: { s3: { uri: text } }, name, isLocal: false };
  const [, claimName, path] = /^claim:([a-z0-9][-a-z0-9.]*)(?:\/(.*))?$/.exec(text) ?? [];
  if (claimName !== undefined) {
    const inside = path === undefined || path === '' ? {} : { path };
    return { source: { persistentVolumeClaim: { claimName, ...inside } }, name, isLocal: false };
  }
  const looksLocal = /^(\.{0,2}\/|~\/)/.test(text) || /\.(gguf|jsonl?|parquet|txt)$/.test(text);
  if (looksLocal || existsHere(text) || !/^[\w.-]+(\/[\w.-]+)?$/.test(text)) {
    return { source: { local: { path: text } }, name, isLocal: true };
  }
  return { source: { huggingFace: { repository: text } }, name, isLocal: false };
}

function lastWord(text: string): string {
  const word = text.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? '';
  return word.replace(/\.(gguf|jsonl?|parquet|txt)$/, '');
}
