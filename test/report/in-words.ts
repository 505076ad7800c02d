/** What went wrong with a run of tests, for the person who started it. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = 'hint' in error ? `\nhint: ${error.hint}` : '';
  return `${error.message}${hint}`;
}
