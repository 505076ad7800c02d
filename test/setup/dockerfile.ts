// How an image is started, read from its stage of the Dockerfile and the stages that this one
// builds on.
export interface ImageSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly folder: string;
  readonly entry: readonly string[];
}

/**
 * Knows the few instructions that decide it; a stage or an entry point that is not there is an
 * error.
 */
export function settingsOf(dockerfile: string, stage: string): ImageSettings {
  const lines = linesOf(dockerfile, stage);
  const last = (instruction: string) =>
    lines.findLast((line) => line.startsWith(`${instruction} `))?.slice(instruction.length + 1);
  const entry = last('ENTRYPOINT');
  if (entry === undefined)
    throw new Error(`the stage ${stage} of the Dockerfile has no ENTRYPOINT`);
  const variables = lines
    .filter((line) => line.startsWith('ENV '))
    .flatMap((line) => line.slice(4).trim().split(/\s+/))
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
  return {
    env: Object.fromEntries(variables),
    user: last('USER') ?? '0',
    folder: last('WORKDIR') ?? '/',
    entry: JSON.parse(entry) as string[],
  };
}

/** Instructions of the stage, after those of the stage that it begins from. */
function linesOf(dockerfile: string, stage: string): readonly string[] {
  const begin = /^FROM (\S+)(?: AS (\S+))?$/;
  const all = dockerfile.replaceAll('\\\n', ' ').split('\n');
  const first = all.findIndex((line) => begin.exec(line)?.[2] === stage);
  if (first < 0) {
    if (all.some((line) => line === `FROM ${stage}` || line.startsWith(`FROM ${stage} `)))
      return [];
    throw new Error(`the Dockerfile has no stage ${stage}`);
  }
  const next = all.findIndex((line, i) => i > first && begin.test(line));
  const own = all.slice(first + 1, next < 0 ? undefined : next);
  return [...linesOf(dockerfile, begin.exec(all[first] ?? '')?.[1] ?? ''), ...own];
}
