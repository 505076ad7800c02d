// The facts of this machine that resolving sources needs: the cache, the folders of claims, and
// tokens with their names for messages. Read from environment variables in one place.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { podVariable, secretVariable } from '../../crds/wire/pod.ts';
import type { BucketCredentials } from './bucket-client.ts';
import type { FetchTools } from './fetch-tools.ts';
import { fileDigests } from './file-digests.ts';

export interface Named<T> {
  readonly value: T;
  /** For messages; never the value. */
  readonly name: string;
}

export interface SourceEnvironment extends FetchTools {
  readonly cache: string;
  /** The folder of the job file, to which local paths are relative. */
  readonly jobFolder: string;
  /** Folder by claim; a claim without an entry is `<cache>/volumes/<claim>`. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Folder by source of the spec (model, train, eval), where a pod mounts its image. */
  readonly images: ReadonlyMap<string, string>;
  readonly hubEndpoint: string;
  /** Do not ask hubs; a branch is the commit that it last was. */
  readonly offline: boolean;
  readonly hubToken: Named<string> | undefined;
  readonly bucketCredentials: Named<BucketCredentials> | undefined;
  readonly region: string | undefined;
  /** The value of a key of a Secret, where this process has it. */
  secret(name: string, key: string): string | undefined;
}

interface MachineFacts extends Omit<FetchTools, 'digests'> {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cache: string;
  readonly jobFolder: string;
  readonly volumes?: ReadonlyMap<string, string>;
  readonly secret?: (name: string, key: string) => string | undefined;
}

/** Uses the variables of other tools for hubs and buckets, so that nothing is set twice. */
export async function sourceEnvironment(facts: MachineFacts): Promise<SourceEnvironment> {
  const { variables: env } = facts;
  return {
    network: facts.network,
    report: facts.report,
    digests: fileDigests(facts.cache, facts.network.clock),
    cache: facts.cache,
    jobFolder: facts.jobFolder,
    volumes: facts.volumes ?? new Map(),
    images: new Map(Object.entries(fromJson(env[podVariable.images], imageFolders) ?? {})),
    hubEndpoint: (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, ''),
    offline: isOn(env['ANNEAL_OFFLINE']) || isOn(env['HF_HUB_OFFLINE']),
    hubToken: await hubToken(env),
    bucketCredentials: bucketCredentials(env),
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'],
    secret: facts.secret ?? secretsOf(env),
  };
}

const imageFolders = z.record(z.string(), z.string());

/** In a pod each key of a Secret is a variable, and one variable maps keys to variables. */
function secretsOf(env: MachineFacts['variables']): SourceEnvironment['secret'] {
  const known = fromJson(env[podVariable.secrets], z.array(secretVariable)) ?? [];
  return (name, key) => {
    const found = known.find((each) => each.name === name && each.key === key);
    return found === undefined ? undefined : env[found.variable];
  };
}

function fromJson<S extends z.ZodType>(
  text: string | undefined,
  schema: S,
): z.output<S> | undefined {
  return text === undefined ? undefined : schema.parse(parseJson(text, jsonLimits.message));
}

async function hubToken(env: MachineFacts['variables']): Promise<Named<string> | undefined> {
  if (env['HF_TOKEN']) return { value: env['HF_TOKEN'].trim(), name: 'HF_TOKEN' };
  const home = env['HF_HOME'] ?? (env['HOME'] && join(env['HOME'], '.cache', 'huggingface'));
  const path = env['HF_TOKEN_PATH'] ?? (home && join(home, 'token'));
  if (!path) return undefined;
  // Without a login there is no token; most repositories need none.
  const value = (await readFile(path, 'utf8').catch(() => '')).trim();
  return value === '' ? undefined : { value, name: `the token in ${path}` };
}

function bucketCredentials(env: MachineFacts['variables']): Named<BucketCredentials> | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey) return undefined;
  const sessionToken = env['AWS_SESSION_TOKEN'];
  const value = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  return { value, name: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY' };
}

function isOn(text: string | undefined): boolean {
  return text !== undefined && !['', '0', 'false', 'no', 'off'].includes(text.toLowerCase());
}
