// A pod that does one stage and ends: `prepare`, `publish`, and the training of a site without a
// bus, where the next pod goes on from the newest checkpoint in the folder of the run. What it put
// in place is in its termination message.

import type { Clock } from '../../crds/clock.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import { trainersOfPod } from '../../crds/plan/world.ts';
import type { StageRole } from '../../crds/stages/stage.ts';
import { preparedRecord, runFiles, trainedRecord } from '../../crds/wire/run-folder.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { readRecord } from '../run-folder.ts';
import { readPrepared, readPublished } from './achieved.ts';
import { startChild } from './child.ts';
import type { PodConfig } from './config.ts';
import type { ControlGroup } from './control-group.ts';
import { checkDevices } from './device-check.ts';
import type { Failure } from './end-of-child.ts';
import type { PodPlan } from './pod-plan.ts';
import type { Report } from './report.ts';
import { writeRun } from './run-record.ts';
import type { PodEnd } from './supervisor.ts';
import { failureMessage } from './termination-message.ts';
import { hear, startedAt } from './trainer-facts.ts';
import { startGroup, type TrainerGroup } from './trainer-group.ts';
import { type Membership, memberVariables, namesOf } from './trainer-member.ts';
import { named, withName } from './trainer-name.ts';
import { silence } from './trainer-process.ts';

interface StageParts {
  readonly stage: StageRole;
  readonly config: PodConfig;
  readonly plan: PodPlan;
  readonly clock: Clock;
  readonly group: ControlGroup;
  readonly report: Report;
  readonly worker: string;
}

const farewellMs = 5_000;

export async function runStage(parts: StageParts, terminate: AbortSignal): Promise<PodEnd> {
  const { stage, config, plan, clock, group, report, worker } = parts;
  const device = await deviceOf(parts);
  if (device?.type === 'Unfit') return failed(parts, device.failure);
  await writeRun(config, plan.spec, clock.now(), device?.product);
  const known = stage === 'prepare' ? await knownPreparation(parts) : undefined;
  if (known !== undefined) return { exitCode: 0, terminationMessage: { v: 1, prepared: known } };
  const membership = lonePod(parts);
  const names = namesOf(membership);
  const began = startedAt(clock.monotonic());
  const facts = names.map(() => began);
  const factsOf = (place: number) => facts[place] ?? began;
  const processes = startGroup({
    ...{ count: names.length, clock },
    stepOf: (place) => factsOf(place).step,
    hangOf: (place) => silence(factsOf(place), clock.monotonic()),
    start: (place) =>
      startChild({
        ...{ worker, role: stage, folder: config.runFolder, group },
        variables: memberVariables(membership, place, group),
        onMessage: (message) => {
          facts[place] = hear(factsOf(place), message, clock.monotonic());
          if (place === 0 || message.type === 'failure') report.telemetry(message);
        },
        onLine: (line) => report.line('info', 'worker', named(line, names[place])),
      }),
  });
  const grace = plan.spec.worker.terminationGracePeriodSeconds * 1000 - farewellMs;
  const stop = () => void endInTime(processes, Math.max(0, grace), clock);
  terminate.addEventListener('abort', stop, { once: true });
  if (terminate.aborted) stop();
  const { place, ending } = await processes.ended;
  terminate.removeEventListener('abort', stop);
  if (ending === 'Done') return { exitCode: 0, terminationMessage: await achieved(parts) };
  if (ending === 'Stopped' || terminate.aborted) {
    return { exitCode: failureOf('E_PLANNED_STOP').workerExit, terminationMessage: undefined };
  }
  return failed(parts, withName(ending, names[place]));
}

const own = '127.0.0.1';

/** Without a bus there is no other pod; only the training takes a process for each device. */
function lonePod({ stage, config, plan }: StageParts): Membership {
  const { worker, failurePolicy } = plan.spec;
  const size = stage === 'train' ? trainersOfPod(worker.devicesPerWorker) : 1;
  const store = { host: own, port: config.storePort };
  return {
    assignment: { rank: 0, trainers: size, size, store, neighbours: size },
    ...{ group: config.pod.uid, round: 1, address: own },
    onDevices: stage === 'train' && worker.devicesPerWorker > 0,
    timeoutMs: failurePolicy.hangTimeoutSeconds * 1000,
  };
}

function failed({ report, config }: StageParts, failure: Failure): PodEnd {
  report.line('error', 'supervisor', failure.message);
  return {
    exitCode: failure.exitCode,
    terminationMessage: failureMessage(failure, { index: config.pod.index }),
  };
}

/** Preparing and publishing use none. */
async function deviceOf({ stage, config, plan, report }: StageParts) {
  if (stage !== 'train' || plan.spec.worker.devicesPerWorker === 0) return undefined;
  const device = await checkDevices(plan.spec.worker.devicesPerWorker, config.addon);
  if (device.type === 'Fit') report.line('info', 'supervisor', device.message);
  return device;
}

/**
 * A pod that takes the place of another, or the next revision: what was put in place for the same
 * request is there, and is read again as it will be.
 */
async function knownPreparation({ config, plan, report }: StageParts) {
  const { runFolder } = config;
  try {
    const prepared = await readRecord(runFolder, runFiles.prepared, preparedRecord);
    if (prepared?.request !== prepareDigest(plan.spec)) return undefined;
    const words = await readPrepared(runFolder);
    report.line('info', 'supervisor', 'model and data were put in place before, and are there');
    return words;
  } catch (thrown) {
    // Whatever is wrong with it, preparing puts it right or says why it cannot.
    report.line(
      'info',
      'supervisor',
      `what was prepared before is of no use: ${toAnnealError(thrown).message}`,
    );
    return undefined;
  }
}

async function endInTime(processes: TrainerGroup, graceMs: number, clock: Clock): Promise<void> {
  processes.say('stop');
  const ended = new AbortController();
  void processes.ended.finally(() => ended.abort());
  await clock.sleep(graceMs, ended.signal).catch(() => {});
  processes.kill();
}

async function achieved({ stage, config }: StageParts): Promise<TerminationMessage | undefined> {
  const { runFolder, volumes } = config;
  if (stage === 'prepare') return { v: 1, prepared: await readPrepared(runFolder) };
  if (stage === 'publish') return { v: 1, published: await readPublished(runFolder, volumes) };
  const trained = await readRecord(runFolder, runFiles.trained, trainedRecord);
  if (trained === null) return undefined;
  const { end, training } = trained.report;
  const reason = end.reason === 'FinishedEarly' ? 'FinishedEarly' : 'Finished';
  return { v: 1, finished: { reason, step: training.steps } };
}
