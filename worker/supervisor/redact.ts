// Takes credentials out of what a pod says. It knows the values that this pod was given, and how
// tokens of hubs and buckets look.
const mark = '[redacted]';
/** Shorter values would be found inside ordinary words. */
const shortest = 6;

const shapes: readonly RegExp[] = [
  /\bhf_[A-Za-z0-9]{16,}\b/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /(?<=\bbearer )[\w.~+/-]{16,}=*/gi,
  /(?<=:\/\/[^\s:/@]{0,64}:)[^\s/@]{1,256}(?=@)/g,
];

export type Redactor = (text: string) => string;

export function redactor(secrets: readonly string[]): Redactor {
  const values = secrets
    .flatMap((value) => [value, value.trim(), JSON.stringify(value).slice(1, -1)])
    .filter((value) => value.length >= shortest);
  // The longest first: one value may be the beginning of another.
  const known = [...new Set(values)].sort((a, b) => b.length - a.length);
  return (text) => {
    const withoutKnown = known.reduce((left, value) => left.replaceAll(value, mark), text);
    return shapes.reduce((left, shape) => left.replaceAll(shape, mark), withoutKnown);
  };
}
