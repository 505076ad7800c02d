// The pods of one job as real processes, started as kubelet would: with the variables, the plan and
// the folders that the operator's own builders give them. Claims are folders below `root`; there is
// no cluster.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../cli/client/free-port.ts';
import { podVariable } from '../../crds/wire/pod.ts';
import {
  parseTerminationMessage,
  type TerminationMessage,
} from '../../crds/wire/termination-message.ts';
import { writePlan } from '../../operator/job/plan.ts';
import type { BuiltJob } from '../../operator/objects/child.ts';
import { environmentOf } from '../../operator/objects/environment.ts';
import type { PodRole } from '../../operator/objects/references.ts';
import type { PodSettings } from '../../operator/objects/settings.ts';
import { childrenOf } from './child-processes.ts';

export interface PodsOf {
  readonly job: BuiltJob;
  readonly settings: PodSettings;
  /** Stands for `/volumes`; below it a folder per claim. */
  readonly root: string;
  /** Program to run in place of the image's. */
  readonly program: readonly string[];
  readonly more?: Readonly<Record<string, string>>;
}

export interface Pod {
  readonly uid: string;
  readonly index: number;
  readonly lines: readonly string[];
  /** Exit code, or null when it was killed. */
  readonly ended: Promise<number | null>;
  terminationMessage(): TerminationMessage | undefined;
  /** To the supervisor alone. */
  signal(name: NodeJS.Signals): void;
  /** To the supervisor and all that it started: what the end of a pod does. */
  signalAll(name: NodeJS.Signals): void;
  /**
   * To what the supervisor started alone, or of several trainers to the one at this place; says
   * whether there was anything.
   */
  signalTrainer(name: NodeJS.Signals, place?: number): boolean;
}

interface PodPlace {
  readonly uid: string;
  /** @default 1 */
  readonly workerRevision?: number;
  /** @default 0 */
  readonly index?: number;
  /** @default node-1 */
  readonly node?: string;
  /** @default 1 */
  readonly replicas?: number;
  /** Words before the command, of a program that runs it. */
  readonly within?: readonly string[];
}

// Half of what a process takes to start is spent on types.
const { NODE_COMPILE_CACHE } = process.env;
const compileCache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };

/** Folder of the run, as the pods see it. */
export function runFolderOf({ job, settings, root }: PodsOf): string {
  const variable = environmentOf(job, 'worker', settings).find(
    ({ name }) => name === podVariable.runFolder,
  );
  return (variable?.value ?? '').replace('/volumes', root);
}

export async function startPod(
  pods: PodsOf,
  role: PodRole,
  { uid, workerRevision = 1, index = 0, node = 'node-1', replicas = 1, within = [] }: PodPlace,
): Promise<Pod> {
  const { job, settings, root, program } = pods;
  const own = join(root, `pod-${uid}`);
  await mkdir(own, { recursive: true });
  const plan = join(own, 'plan.json');
  await writeFile(plan, writePlan(job).text);
  const place = role === 'worker' ? { workerRevision, replicas } : undefined;
  const fields: Readonly<Record<string, string>> = {
    [podVariable.podName]: `${job.name}-${uid}`,
    [podVariable.podUid]: uid,
    [podVariable.podIp]: '127.0.0.1',
    [podVariable.nodeName]: node,
    [podVariable.workerIndex]: String(index),
  };
  const env = Object.fromEntries(
    environmentOf(job, role, settings, place).map(({ name, value }) => [
      name,
      (value ?? fields[name] ?? '').replaceAll('/volumes/', `${root}/`),
    ]),
  );
  const log = join(own, 'termination-log');
  const outside = {
    ...{ ANNEAL_PLAN_FILE: plan, ANNEAL_TERMINATION_LOG: log, ANNEAL_PROBE_PORT: '0' },
    // Pods here share one machine, and its ports.
    ANNEAL_STORE_PORT: String(await freePort()),
    ANNEAL_COPIES_PORT: '0',
    ANNEAL_COPIES_FOLDER: join(own, 'memory'),
    ...{ ANNEAL_BUS_TOKEN_FILE: join(own, 'no-token'), PATH: process.env['PATH'] ?? '' },
    ...compileCache,
  };
  const argument = { prepare: 'prepare', worker: 'supervise', publish: 'publish' }[role];
  const quiet = '--disable-warning=ExperimentalWarning';
  const [file = '', ...args] = [...within, process.execPath, quiet, ...program, argument];
  const child = spawn(file, args, {
    env: { ...env, ...outside, ...pods.more },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that one signal reaches all of it.
    detached: true,
  });
  return podOf({ uid, index }, child, log);
}

function podOf(place: Pick<Pod, 'uid' | 'index'>, child: ChildProcess, log: string): Pod {
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new Error('no pod started');
  const lines: string[] = [];
  for (const stream of [stdout, stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const send = (to: number, name: NodeJS.Signals) => {
    try {
      process.kill(to, name);
    } catch (error) {
      // It has just ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  return {
    ...{ ...place, lines },
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code))),
    terminationMessage: () =>
      existsSync(log) ? parseTerminationMessage(readFileSync(log, 'utf8')) : undefined,
    signal: (name) => send(pid, name),
    signalAll: (name) => send(-pid, name),
    signalTrainer(name, place) {
      const all = childrenOf(pid).toSorted((a, b) => a - b);
      const trainers = place === undefined ? all : all.slice(place, place + 1);
      for (const trainer of trainers) send(trainer, name);
      return trainers.length > 0;
    },
  };
}
