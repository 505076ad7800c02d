// One pod from its first line to its termination message: reads what it was given, does its role,
// tells how it ended. Returns the exit code.

import type { Clock } from '../../crds/clock.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';
import { publishesInWorker } from '../../crds/plan/publication.ts';
import type { podRole } from '../../crds/wire/pod.ts';
import { runFiles, trainedRecord } from '../../crds/wire/run-folder.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { readRecord } from '../run-folder.ts';
import { adoptPreparation } from './adopt-preparation.ts';
import { BusLink } from './bus-link.ts';
import type { PodConfig } from './config.ts';
import type { ControlGroup } from './control-group.ts';
import { PodCopies } from './copies/pod-copies.ts';
import { type Failure, failureWith } from './end-of-child.ts';
import { type PodPlan, readPlan } from './pod-plan.ts';
import { noTrace, openPodTrace } from './pod-trace.ts';
import { Probes } from './probes.ts';
import { redactor } from './redact.ts';
import { Report } from './report.ts';
import { runFolders, settleTrained } from './round-folder.ts';
import { runStage } from './stage-pod.ts';
import { StateWriter } from './state-writer.ts';
import { type PodEnd, Supervisor } from './supervisor.ts';
import {
  failureMessage,
  terminationMessageText,
  writeTerminationMessage,
} from './termination-message.ts';
import { Training } from './training.ts';

interface PodParts {
  readonly role: keyof typeof podRole;
  readonly config: PodConfig;
  readonly clock: Clock;
  readonly group: ControlGroup;
  /** File to run as the worker. */
  readonly worker: string;
  readonly print: (line: string) => void;
  /** Aborted by SIGTERM. */
  readonly terminate: AbortSignal;
}

const flushMs = 5_000;

export async function runPod(parts: PodParts): Promise<number> {
  const { config, clock, print } = parts;
  const redact = redactor(config.secretValues);
  const ending = new AbortController();
  let wake = () => {};
  const link: BusLink | undefined =
    config.natsUrl === undefined
      ? undefined
      : linkOf(config, config.natsUrl, {
          clock,
          onChange: () => wake(),
          onNoAnswer: (why) =>
            report.line('warn', 'supervisor', `${why}; it is tried every second`),
        });
  const report: Report = new Report({
    ...{ pod: config.pod, role: parts.role, clock, redact, print },
    bus: () => link?.bus,
  });
  const onWake = (next: () => void) => {
    wake = next;
  };
  const running = link === undefined ? [] : [link.run(ending.signal)];
  const sending = new AbortController();
  const sender = report.send(sending.signal);
  const sent: Promise<void>[] = [];
  const common = { ...parts, report, link, onWake, ending: ending.signal };
  const end = await endOf({ ...common, startMs: clock.now(), sent });
  sending.abort();
  await sender;
  await Promise.all([...sent, link === undefined ? undefined : report.flush(flushMs)]);
  ending.abort();
  await Promise.all(running);
  if (end.terminationMessage !== undefined)
    await writeTerminationMessage(
      config.terminationLog,
      terminationMessageText(end.terminationMessage, redact),
    );
  return end.exitCode;
}

interface RunningPod extends PodParts {
  readonly report: Report;
  readonly link: BusLink | undefined;
  readonly onWake: (wake: () => void) => void;
  readonly ending: AbortSignal;
  readonly startMs: number;
  /** What is being sent at the end, beside the report. */
  readonly sent: Promise<void>[];
}

async function endOf(pod: RunningPod): Promise<PodEnd> {
  const { config, report, sent } = pod;
  let trace = noTrace;
  try {
    const plan = await readPlan(config);
    report.least = levelOf(plan);
    trace = traceOf(pod, plan);
    report.trace = trace;
    const end = await doRole(pod, plan);
    sent.push(trace.end(end.terminationMessage?.failure?.message));
    return end;
  } catch (thrown) {
    const { code, message, cause } = toAnnealError(thrown);
    report.line('error', 'supervisor', `${message} (${code})`);
    sent.push(trace.end(`${message} (${code})`));
    const stack = code === 'E_INTERNAL' && cause instanceof Error ? cause.stack : undefined;
    if (stack !== undefined) report.line('error', 'supervisor', stack);
    const failure: Failure = failureWith(code, message);
    const terminationMessage = failureMessage(failure, { index: config.pod.index });
    return { exitCode: failureOf(code).workerExit, terminationMessage };
  }
}

function traceOf({ role, config, clock, report, startMs }: RunningPod, { spec }: PodPlan) {
  const sampling = spec.observability.traceSampling;
  const warn = (sentence: string) => report.line('warn', 'supervisor', sentence);
  return openPodTrace({ role, config, sampling, startMs, clock, warn });
}

function levelOf({ spec }: PodPlan) {
  return ({ Error: 'error', Warn: 'warn', Info: 'info', Debug: 'debug' } as const)[
    spec.observability.logLevel
  ];
}

function stageParts({ config, clock, group, report, worker }: RunningPod, plan: PodPlan) {
  return { config, plan, clock, group, report, worker };
}

async function doRole(pod: RunningPod, plan: PodPlan): Promise<PodEnd> {
  const { role, config, clock, report, link, terminate } = pod;
  const parts = stageParts(pod, plan);
  if (role === 'prepare') return runStage({ ...parts, stage: 'prepare' }, terminate);
  if (role === 'publish') {
    await requireTrained(pod, plan);
    return runStage({ ...parts, stage: 'publish' }, terminate);
  }
  await adoptPreparation(config, plan, report);
  if (link === undefined) return alone(pod, plan);
  const writer = new StateWriter(link, config);
  await using copies = await PodCopies.open(parts);
  const training = new Training({ ...parts, copies });
  const publish = () => publishHere(pod, plan);
  const supervisor = new Supervisor({
    publish,
    config,
    plan,
    clock,
    link,
    writer,
    report,
    training,
    copies,
  });
  pod.onWake(() => supervisor.changed());
  const onTerminate = () => supervisor.terminate();
  terminate.addEventListener('abort', onTerminate, { once: true });
  if (terminate.aborted) onTerminate();
  await using _probes = await Probes.listen({
    port: config.probePort,
    notReady: () => supervisor.notReady,
    numbers: () => supervisor.numbers,
  });
  void report.sendHeartbeats(() => supervisor.heartbeat, pod.ending);
  return await supervisor.run();
}

/** Without a bus: no rounds, one process, and the Job controller starts the next pod. */
async function alone(pod: RunningPod, plan: PodPlan): Promise<PodEnd> {
  await using _probes = await Probes.listen({
    port: pod.config.probePort,
    notReady: () => undefined,
    numbers: () => noNumbers,
  });
  const end = await runStage({ ...stageParts(pod, plan), stage: 'train' }, pod.terminate);
  if (end.terminationMessage?.finished === undefined) return end;
  const published = await publishHere(pod, plan);
  return {
    ...end,
    terminationMessage: {
      ...end.terminationMessage,
      ...(published === undefined ? {} : { published }),
    },
  };
}

/**
 * By the worker itself. Where it does not succeed the operator makes a Job for it, which tries
 * again and says why it cannot.
 */
async function publishHere(
  pod: RunningPod,
  plan: PodPlan,
): Promise<TerminationMessage['published']> {
  if (!publishesInWorker(plan.spec)) return undefined;
  try {
    const { terminationMessage } = await runStage(
      { ...stageParts(pod, plan), stage: 'publish' },
      pod.terminate,
    );
    return terminationMessage?.published;
  } catch (thrown) {
    const { message } = toAnnealError(thrown);
    pod.report.line('warn', 'supervisor', `the result is left to a pod of its own: ${message}`);
    return undefined;
  }
}

const noNumbers = {
  ...{ step: 0, stepSeconds: undefined, loss: undefined, tokensPerSecond: undefined },
  ...{ checkpointStep: undefined, round: 0, busConnected: false },
  ...{ messagesWaiting: 0, messagesDropped: 0 },
} as const;

const resultMs = 60_000;
const probeMs = 250;

/**
 * The supervisor may have been killed between the commit of the result and its copy: the record
 * knows where it is.
 */
async function requireTrained(pod: RunningPod, plan: PodPlan): Promise<void> {
  const { config, clock, link, terminate } = pod;
  const folders = runFolders(config.runFolder, plan.spec, config.volumes);
  for (let waited = 0; waited < resultMs; waited += probeMs) {
    const state = link?.records.state?.record;
    if (state?.result?.type === 'Succeeded' && state.checkpoint !== undefined) {
      await settleTrained(folders, state.checkpoint.round);
    }
    if ((await readRecord(config.runFolder, runFiles.trained, trainedRecord)) !== null) return;
    if (link === undefined) return;
    await clock.sleep(probeMs, terminate);
  }
}

function linkOf(
  { job, pod, tokenFile, authorityFile }: PodConfig,
  url: string,
  how: Pick<ConstructorParameters<typeof BusLink>[0], 'clock' | 'onChange' | 'onNoAnswer'>,
): BusLink {
  const { namespace, uid } = job;
  const at = { job: { namespace, uid }, index: pod.index, uid: pod.uid };
  return new BusLink({ url, name: pod.name, pod: at, tokenFile, authorityFile, ...how });
}
