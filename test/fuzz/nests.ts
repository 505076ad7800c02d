// Words that nest: a few of them in a row pass any limit of depth, inside of strings and outside.
export const nests: readonly string[] = [
  ...['[', '{"a":', '[{"":'].map((open) => open.repeat(33)),
  ...[']', '}'].map((close) => close.repeat(33)),
  '[],'.repeat(33),
  `"${'['.repeat(65)}"`,
  '"\\"[[{{',
];
