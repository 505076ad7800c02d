/** Adds a capital letter and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const first = /^[a-z]+\b(?![.\w-]*[./:=])/.test(trimmed)
    ? trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
    : trimmed;
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
