// The parts of a toy federation over a bus: files, and the processes of hub and clients, each with
// a cache of its own.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { FederationServers } from '../doubles/federation-servers.ts';
import { type Anneal, startCommand } from './anneal-process.ts';
import type { FederationLine, ToyFederation } from './federation-run.ts';

export interface Part {
  readonly words: readonly string[];
  readonly cache: string;
}

/** The hub first, and each client by its name; the last one is behind the leaf node. */
export async function aBusFederation(
  { file, folder }: ToyFederation,
  servers: FederationServers,
  changes: {
    readonly hub?: Readonly<Record<string, unknown>>;
    readonly peers?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  } = {},
): Promise<Readonly<Record<string, Part>>> {
  const { apiVersion, metadata, spec } = parse(readFileSync(file, 'utf8'));
  const { source } = spec.template.model;
  const parts: Record<string, Part> = {};
  for (const { name, train } of spec.clients) {
    const own = { federation: metadata.name, model: { source }, train, ...changes.peers?.[name] };
    const peer = { apiVersion, kind: 'FederationPeer', metadata: { name }, spec: own };
    const path = join(folder, `${name}.yaml`);
    await writeFile(path, stringify(peer));
    const where = name === spec.clients.at(-1).name ? 'leaf' : 'hub';
    parts[name] = partOf(folder, name, path, servers.url(where), servers.key(`client-${name}`));
  }
  const clients = spec.clients.map(
    ({ train: _train, maxEpsilon: _most, ...client }: Record<string, unknown>) => client,
  );
  const quorum = { deadlineSeconds: 240 };
  const hub = { ...spec, clients, quorum, ...changes.hub };
  const path = join(folder, 'hub.yaml');
  await writeFile(path, stringify({ apiVersion, kind: 'Federation', metadata, spec: hub }));
  return { hub: partOf(folder, 'hub', path, servers.url('hub'), servers.key('hub')), ...parts };
}

function partOf(folder: string, name: string, file: string, url: string, key: string): Part {
  const words = ['federate', file, '--bus', url, '--key', key, '--output', 'json'];
  return { words: [...words, '--threads', '1'], cache: join(folder, `cache-${name}`) };
}

export interface RunningPart extends Anneal {
  readonly lines: readonly FederationLine[];
}

export function startPart(
  { words, cache }: Part,
  variables: Readonly<Record<string, string>>,
  onLine: (line: FederationLine) => void = () => {},
): RunningPart {
  const lines: FederationLine[] = [];
  const see = (line: FederationLine): void => {
    lines.push(line);
    onLine(line);
  };
  return { lines, ...startCommand(words, cache, see, variables) };
}
