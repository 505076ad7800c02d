// `anneal version` as text.
import type { ClusterVersions, Versions } from './run.ts';

export function versionText({ cluster, ...here }: Versions): string {
  return [...Object.entries<string>(here), ...clusterLines(cluster)]
    .map(([name, value]) => `${name.padEnd(10)} ${value}\n`)
    .concat(differenceLines(here.program, cluster))
    .join('');
}

function clusterLines(cluster: ClusterVersions | undefined): (readonly [string, string])[] {
  if (cluster === undefined) return [];
  const {
    away,
    context = '',
    server: version = '',
    definition: defined,
    operator,
    worker,
  } = cluster;
  if (away !== undefined) return [['cluster', away]];
  return [
    ['cluster', `${version}, context ${context}`],
    ['definition', defined?.join(', ') ?? 'not seen'],
    ['operator', operator ?? 'not seen'],
    ['worker', worker ?? 'not seen'],
  ];
}

/** A difference of one minor version is supported; messages of other versions may be unreadable. */
function differenceLines(program: string, cluster: ClusterVersions | undefined): string[] {
  const [major, minor] = numbersOf(program) ?? [0, 0];
  const tag = /:v?([^:/@]+)$/.exec(cluster?.operator ?? '')?.[1];
  const [theirMajor, theirMinor] = numbersOf(tag ?? '') ?? [major, minor];
  if (major === theirMajor && Math.abs(minor - theirMinor) <= 1) return [];
  return [
    `warning: the operator is ${tag}, this program ${program}; they should differ by one minor version at most\n`,
  ];
}

function numbersOf(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}
