/** A job file has texts only; templates expect booleans and numbers. */
export function templateArguments(
  given: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string | boolean | number>> {
  return Object.fromEntries(
    Object.entries(given ?? {}).map(([name, value]) => [name, argument(value)]),
  );
}

function argument(text: string): string | boolean | number {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
