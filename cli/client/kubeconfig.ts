// The API server and the credentials: kubeconfig files, merged as kubectl merges them. Uses small
// modules of the official client; all of its 900 modules would take a third of a second and 60 MiB
// of every command. The whole client is loaded only for rare cases: an old auth provider, a proxy,
// inside a pod.
import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import {
  type Cluster,
  type Context,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { parse } from 'yaml';
import { TerminalError, UserError } from '../../crds/index.ts';

/** The cluster and the user of the current context. */
export interface KubeAccess {
  readonly contextName: string;
  /** Of the context. */
  readonly namespace: string | undefined;
  /** Without a trailing slash. */
  readonly server: string;
  /**
   * Credentials of a request: certificates, headers, a proxy agent. Called for each request, since
   * tokens expire.
   */
  authorize(): Promise<RequestOptions>;
}

interface KubeconfigAsked {
  readonly file: string | undefined;
  /** The default files of kubectl; those that exist are merged. */
  readonly defaults: readonly string[];
  readonly context: string | undefined;
}

interface Entries {
  readonly clusters: readonly Cluster[];
  readonly users: readonly User[];
  readonly contexts: readonly Context[];
  readonly currentContext: string | undefined;
}

export async function readKubeconfig(asked: KubeconfigAsked): Promise<KubeAccess> {
  const { file, defaults } = asked;
  const files = file === undefined ? defaults.filter((one) => existsSync(one)) : [file];
  const entries = files.length === 0 ? await insidePod() : merged(files.map(entriesOf));
  const contextName = asked.context ?? entries.currentContext ?? '';
  const context = entries.contexts.find(({ name }) => name === contextName);
  if (context === undefined && asked.context !== undefined) throw noContext(contextName, entries);
  const cluster = entries.clusters.find(({ name }) => name === context?.cluster);
  if (context === undefined || cluster === undefined) {
    throw new TerminalError({
      code: 'E_UNREACHABLE',
      message: 'the kubeconfig names no cluster in its current context',
      hint: 'set KUBECONFIG or --kubeconfig; --local shows the runs of this machine',
    });
  }
  const user = entries.users.find(({ name }) => name === context.user);
  return {
    contextName,
    namespace: context.namespace,
    server: cluster.server.replace(/\/+$/, ''),
    authorize: authorization(cluster, user, context),
  };
}

/** The first file that defines a name wins. */
function merged(all: readonly Entries[]): Entries {
  const first = <T extends { readonly name: string }>(lists: readonly (readonly T[])[]) => [
    ...new Map(lists.toReversed().flatMap((list) => list.map((one) => [one.name, one]))).values(),
  ];
  return {
    clusters: first(all.map(({ clusters }) => clusters)),
    users: first(all.map(({ users }) => users)),
    contexts: first(all.map(({ contexts }) => contexts)),
    currentContext: all.find(({ currentContext }) => currentContext)?.currentContext,
  };
}

function entriesOf(file: string): Entries {
  try {
    const parsed: Readonly<Record<string, unknown>> = parse(readFileSync(file, 'utf8')) ?? {};
    const near = (path: string) => resolve(dirname(file), path);
    return {
      clusters: newClusters(withPaths(parsed['clusters'], 'cluster', near)),
      users: newUsers(withPaths(parsed['users'], 'user', near)),
      contexts: newContexts(parsed['contexts']),
      currentContext: (parsed['current-context'] as string | undefined) || undefined,
    };
  } catch (error) {
    throw unreadable(file, error);
  }
}

const pathKeys = [
  'certificate-authority',
  'client-certificate',
  'client-key',
  'tokenFile',
  'token-file',
];

/** Resolves paths relative to the file. kubectl writes tokenFile; the client reads token-file. */
function withPaths(list: unknown, member: string, near: (path: string) => string): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((entry: Readonly<Record<string, unknown>>) => {
    const fields = entry[member];
    if (typeof fields !== 'object' || fields === null) return entry;
    const changed = Object.entries(fields).map(([key, value]): [string, unknown] => {
      const isPath = pathKeys.includes(key) && typeof value === 'string' && value !== '';
      return [key === 'tokenFile' ? 'token-file' : key, isPath ? near(value) : value];
    });
    return { ...entry, [member]: Object.fromEntries(changed) };
  });
}

async function insidePod(): Promise<Entries> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromCluster();
  const { clusters, users, contexts, currentContext } = config;
  return { clusters, users, contexts, currentContext };
}

function authorization(
  cluster: Cluster,
  user: User | undefined,
  context: Context,
): KubeAccess['authorize'] {
  if (user?.authProvider || cluster.proxyUrl) return byOfficialClient(cluster, user, context);
  requireTls(cluster);
  const exec = new ExecAuth();
  return async () => {
    const options: RequestOptions = {
      ...tlsOf(cluster, user),
      headers: user?.impersonateUser ? { 'Impersonate-User': user.impersonateUser } : {},
    };
    if (user === undefined) return options;
    if (exec.isAuthProvider(user)) await exec.applyAuthentication(user, options);
    if (user.token) options.headers = { ...options.headers, Authorization: `Bearer ${user.token}` };
    if (user.username) options.auth = `${user.username}:${user.password ?? ''}`;
    return options;
  };
}

/** A bearer token must not be sent without TLS. */
function requireTls({ server, skipTLSVerify }: Cluster): void {
  if (!server.startsWith('http:') || skipTLSVerify) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `the API server is at ${server}, and http: would send credentials unencrypted`,
    hint: 'use https:, or set insecure-skip-tls-verify: true for that cluster in the kubeconfig',
  });
}

function tlsOf(cluster: Cluster, user: User | undefined): RequestOptions {
  const { caFile, caData, tlsServerName, skipTLSVerify } = cluster;
  const tls = {
    ca: bytesOf(caFile, caData),
    cert: bytesOf(user?.certFile, user?.certData),
    key: bytesOf(user?.keyFile, user?.keyData),
    servername: tlsServerName,
    rejectUnauthorized: skipTLSVerify ? false : undefined,
  };
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** Files are read each time: certificates are renewed in place. */
function bytesOf(file: string | undefined, base64: string | undefined): Buffer | undefined {
  if (file) return readFileSync(file);
  return base64 ? Buffer.from(base64, 'base64') : undefined;
}

function byOfficialClient(
  cluster: Cluster,
  user: User | undefined,
  context: Context,
): KubeAccess['authorize'] {
  let loaded: Promise<InstanceType<typeof import('@kubernetes/client-node').KubeConfig>>;
  const load = async () => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    const users = user === undefined ? [] : [user];
    const options = { clusters: [cluster], users, contexts: [context] };
    config.loadFromOptions({ ...options, currentContext: context.name });
    return config;
  };
  return async () => {
    loaded ??= load();
    const options: RequestOptions = { headers: {} };
    await (await loaded).applyToHTTPSOptions(options);
    return options;
  };
}

function noContext(name: string, { contexts }: Entries): UserError {
  const known = contexts.map((one) => one.name).join(', ');
  const hint = known === '' ? 'the kubeconfig has none' : `there are ${known}`;
  const message = `the kubeconfig has no context ${JSON.stringify(name)}`;
  return new UserError({ code: 'E_NOT_FOUND', message, hint });
}

function unreadable(file: string, cause: unknown): UserError {
  const words = cause instanceof Error ? cause.message : String(cause);
  const missing = (cause as { code?: string }).code === 'ENOENT';
  return new UserError({
    code: missing ? 'E_NOT_FOUND' : 'E_USAGE',
    message: `${file} ${missing ? 'does not exist' : `cannot be read: ${words}`}`,
    hint: 'kubectl config view shows whether kubectl can read it',
    cause,
  });
}
