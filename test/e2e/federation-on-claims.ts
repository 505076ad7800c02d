// A toy federation of two clients whose files lie on claims: as the file of one machine, where a
// folder stands for the claim, and as objects of a cluster.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import type { PartyRole } from '../../operator/federation/party.ts';
import type { Tree } from '../doubles/kube/patches.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { sums, type ToyFederation } from './federation-run.ts';

const apiVersion = 'anneal.dev/v1alpha1';
export const clientsOnClaims = ['north', 'south'] as const;
const records = { north: sums(0, 9), south: sums(20, 5) } as const;

interface FederationOnClaims extends ToyFederation {
  readonly cache: string;
  /** Of the hub without its clients. */
  readonly spec: Tree;
}

/** In a cache that goes with the test. */
export async function aFederationOnClaims(
  t: ExecutionContext,
  maxSteps: number,
): Promise<FederationOnClaims> {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-federation-'));
  t.teardown(() => rm(cache, { recursive: true, force: true }));
  const folder = join(cache, 'volumes/toy');
  const { file, destination } = await writeToyJob(folder, {
    ...{ name: 'toy', claim: 'toy', checkpoint: { intervalSteps: Math.ceil(maxSteps / 10) } },
    method: {
      ...{ preset: 'LoRA', precision: { type: 'Float32' } },
      adapter: { type: 'LoRA', lora: { rank: 4, targetModules: ['q_proj', 'down_proj'] } },
    },
    training: { maxSteps, globalBatchSize: 2, learningRate: '1e-3' },
    dataset: { packing: 'None', heldOut: { samples: 8 } },
  });
  for (const name of clientsOnClaims) {
    await writeFile(join(folder, `${name}.jsonl`), records[name].join(''));
  }
  const template = parse(await readFile(file, 'utf8')).spec;
  const spec = { aggregation: 'FedAvg', rounds: 2, template };
  const clients = clientsOnClaims.map((name) => ({ name, train: onClaim(`${name}.jsonl`) }));
  const whole = join(cache, 'federation.yaml');
  const head = { apiVersion, kind: 'Federation', metadata: { name: 'toy' } };
  await writeFile(whole, stringify({ ...head, spec: { ...spec, clients } }));
  return { cache, folder, destination, file: whole, spec };
}

function onClaim(path: string) {
  return { persistentVolumeClaim: { claimName: 'toy', path } };
}

interface OfParty {
  readonly url: string;
  readonly secret: string;
}

function ofCluster({ url, secret }: OfParty) {
  return {
    bus: { url, keySecretRef: { name: secret } },
    pod: {
      state: onClaim('state'),
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } },
    },
  };
}

/** As a person writes it for a cluster: the hub `toy`, or a client by its name. */
export function partyOnClaims(role: PartyRole, name: string, spec: Tree, at: OfParty): Tree {
  const kind = role === 'hub' ? 'Federation' : 'FederationPeer';
  const own =
    role === 'hub'
      ? {
          ...{ ...spec, quorum: { deadlineSeconds: 600 } },
          clients: clientsOnClaims.map((client) => ({ name: client })),
        }
      : {
          ...{ federation: 'toy', model: { source: onClaim('model') } },
          train: onClaim(`${name}.jsonl`),
        };
  return { apiVersion, kind, metadata: { name }, spec: { ...own, ...ofCluster(at) } };
}
