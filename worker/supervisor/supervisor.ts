// Keeps the trainers of one pod running: looks at the records, decides (decide.ts), does it, and
// looks again. Everything that it decides on is on the bus or can be seen again, so it may be
// killed between any two lines.

import type { Clock } from '../../crds/clock.ts';
import { isStorageFull, toAnnealError } from '../../crds/failures/errors.ts';
import { causeInWords } from '../../crds/wire/rendezvous-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import { warningReason } from '../../crds/wire/telemetry.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import type { BusLink } from './bus-link.ts';
import type { PodConfig } from './config.ts';
import type { PodCopies } from './copies/pod-copies.ts';
import { decide } from './decide.ts';
import { type Failure, failureWith } from './end-of-child.ts';
import type { NodeCheck } from './node-check.ts';
import type { PodPlan } from './pod-plan.ts';
import type { PodNumbers } from './probes.ts';
import { isFirst, type RankAssignment, ranksInWords, worldIn } from './rank-assignment.ts';
import { caughtUp } from './remembered.ts';
import { membersOf } from './rendezvous.ts';
import type { Report } from './report.ts';
import type { Action, Situation, TrainerState, TrainingResult } from './situation.ts';
import { withCheckpoint, withFailure, withRound, withSuccess } from './state-changes.ts';
import { failedOf, finishedMessage } from './state-result.ts';
import type { StateWriter } from './state-writer.ts';
import type { ToldPace } from './straggler.ts';
import { failureMessage } from './termination-message.ts';
import type { Saved } from './trainer-facts.ts';
import { deviceNames } from './trainer-member.ts';
import type { TrainerProcess } from './trainer-process.ts';
import type { Training } from './training.ts';

interface SupervisorParts {
  readonly config: PodConfig;
  readonly plan: PodPlan;
  readonly clock: Clock;
  readonly link: BusLink;
  readonly writer: StateWriter;
  readonly report: Report;
  readonly training: Training;
  readonly copies: PodCopies;
  /** Writes the result where this pod is to do it; undefined: it did not, and another pod will. */
  readonly publish: () => Promise<TerminationMessage['published']>;
}

export interface PodEnd {
  readonly exitCode: number;
  readonly terminationMessage: TerminationMessage | undefined;
}

/** So much of the grace period is left for saying good-bye. */
const farewellMs = 5_000;
/** After a write without an answer. */
const againMs = 1_000;

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #bootAt: number;
  #changed = Promise.withResolvers<void>();
  #joined = 0;
  #terminateBy: number | undefined;
  #process: TrainerProcess | undefined;
  /** It turned out before there was a process that there can be none. */
  #unfit: TrainerState | undefined;
  #recoverySeconds: number | undefined;
  #toldPace: ToldPace | undefined;
  #wasConnected = false;
  #hasLeft = false;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#bootAt = parts.clock.now();
  }

  /** Something that decisions look at has changed. */
  changed(): void {
    // The link is closed behind it, which is no outage.
    if (this.#hasLeft) return;
    const { link, report } = this.#parts;
    if (link.connected !== this.#wasConnected) {
      this.#wasConnected = link.connected;
      if (link.connected) report.event('BusBack', 'the bus answers; all records were read');
      else report.line('warn', 'supervisor', 'the bus does not answer; training goes on');
    }
    this.#changed.resolve();
  }

  /** SIGTERM: save and go. */
  terminate(): void {
    const { clock, plan, report } = this.#parts;
    const grace = plan.spec.worker.terminationGracePeriodSeconds * 1000;
    this.#terminateBy ??= clock.now() + Math.max(0, grace - farewellMs);
    report.line('info', 'supervisor', 'the pod is asked to end: saving');
    this.#changed.resolve();
  }

  async run(): Promise<PodEnd> {
    for (;;) {
      this.#changed = Promise.withResolvers<void>();
      const action = decide(this.#situation());
      if (action.type === 'Exit') {
        const end = await this.#leave(action);
        this.#hasLeft = true;
        return end;
      }
      try {
        await this.#perform(action);
      } catch (thrown) {
        const error = toAnnealError(thrown);
        if (error.code !== 'E_BUS_UNAVAILABLE') throw error;
        await this.#wait(againMs);
      }
    }
  }

  get numbers(): PodNumbers {
    const { link, report } = this.#parts;
    const last = this.#process?.lastStep;
    const state = link.records.state?.record;
    return {
      step: this.#process?.facts.step ?? state?.checkpoint?.step ?? 0,
      stepSeconds: last === undefined ? undefined : last.stepMs.total / 1000,
      loss: last?.loss ?? undefined,
      tokensPerSecond: last?.tokensPerSecond,
      checkpointStep: state?.checkpoint?.step,
      round: state?.round ?? 0,
      busConnected: link.connected,
      messagesWaiting: report.waiting,
      messagesDropped: report.dropped,
    };
  }

  get heartbeat() {
    const { round, step } = this.numbers;
    const running = this.#process?.state.type === 'Running';
    const memoryStep = this.#parts.copies.deliveredStep;
    const paces = this.#process?.paces;
    return {
      ...(memoryStep === undefined ? {} : { memoryStep }),
      ...(paces === undefined ? {} : { busyMs: Math.max(...paces) }),
      ...(paces === undefined || paces.length === 1 ? {} : { busyMsByTrainer: [...paces] }),
      ...{ round, step, stage: running ? (this.#process?.facts.stage ?? '') : 'Waiting' },
    };
  }

  /** Why kubelet should not count this pod as ready. */
  get notReady(): string | undefined {
    const { link, clock, plan } = this.#parts;
    const away = clock.now() - link.since;
    if (link.connected || away < plan.spec.busOutageTimeoutSeconds * 1000) return undefined;
    return `the bus has been away for ${Math.round(away / 1000)} s`;
  }

  #situation(): Situation {
    const { config, plan, clock, link } = this.#parts;
    const { failurePolicy, parallelism, busOutageTimeoutSeconds } = plan.spec;
    const { index, uid, workerRevision } = config.pod;
    return {
      now: clock.now(),
      me: { index, podUID: uid, workerRevision, bootAt: this.#bootAt },
      policy: failurePolicy,
      recomputesAll: parallelism.activationRecomputation === 'Full',
      busOutageMs: busOutageTimeoutSeconds * 1000,
      patienceMs: config.newcomerPatienceMs,
      bus: { connected: link.connected, since: link.since },
      records: link.records,
      heartbeats: link.heartbeats,
      ...{ paces: link.paces, toldPace: this.#toldPace },
      joined: this.#joined,
      terminateBy: this.#terminateBy,
      trainer: this.#process?.state ?? this.#unfit ?? { type: 'None' },
    };
  }

  async #perform(action: Exclude<Action, { type: 'Exit' }>): Promise<void> {
    const { clock } = this.#parts;
    switch (action.type) {
      case 'Wait':
        return this.#wait(action.until === undefined ? undefined : action.until - clock.now());
      case 'Join':
        return this.#join(action.round, action.over);
      case 'CommitWorld':
        return this.#commitWorld();
      case 'Start':
        return this.#start(action.assignment);
      case 'Ask':
        if (action.what === 'stop') this.#process?.askToStop();
        else this.#process?.askToSave(action.value);
        return;
      case 'Kill':
        return this.#kill(action.why);
      case 'Open':
        return this.#open(action);
      case 'Commit':
        return this.#commit(action.saved, action.result);
      case 'Fail':
        return this.#fail(action.failure);
      case 'Acknowledge':
        return this.#acknowledge(action.change);
      case 'TellPace':
        return this.#tellPace(action.words);
      case 'Forget':
        this.#process = undefined;
        this.#unfit = undefined;
        return;
      default:
        return action satisfies never;
    }
  }

  #tellPace(words: string | undefined): void {
    const { report, clock } = this.#parts;
    this.#toldPace = { words, at: clock.now() };
    report.telemetry({
      ...{ type: 'warning', time: clock.now() / 1000 },
      reason: words === undefined ? warningReason.inStep : warningReason.straggler,
      message: words ?? 'no worker is much slower than the others any more',
    });
  }

  async #wait(ms: number | undefined): Promise<void> {
    const { clock } = this.#parts;
    if (ms === undefined) return this.#changed.promise;
    const over = new AbortController();
    const slept = clock.sleep(Math.max(0, ms), over.signal).catch(() => {});
    await Promise.race([this.#changed.promise, slept]);
    over.abort();
  }

  async #join(round: number, over: number | undefined): Promise<void> {
    const { training, report, writer, copies, link, plan } = this.#parts;
    const names = await copies.names();
    const hasBegun = names.length > 0 || link.records.state?.record.checkpoint !== undefined;
    const check: NodeCheck = await training.checkNode(hasBegun);
    if (check.type === 'Unfit') {
      const { failure } = check;
      report.event('NodeChecked', failure.message, { code: failure.code, round });
      this.#endedBefore(round, failure);
      return;
    }
    if (this.#joined === 0) report.event('NodeChecked', check.message, { round });
    const own = {
      bootAt: new Date(this.#bootAt).toISOString(),
      devices: [...deviceNames(plan.spec.worker.devicesPerWorker)],
      ...{ copies: [...names], copyPort: copies.port },
    };
    if (await writer.join(round, over, own)) this.#joined = round;
  }

  /** There is no process, and there will be none in this round. */
  #endedBefore(round: number, ending: Failure): void {
    const ended = { round, ending, at: this.#parts.clock.now() } as const;
    this.#unfit = { type: 'Ended', ...ended, saved: undefined, result: undefined };
  }

  /** Not before the record knows of everything that the volume remembers. */
  async #commitWorld(): Promise<void> {
    const { writer, training, report, config } = this.#parts;
    const remembered = await training.remembered();
    const opened = { by: config.pod.name, at: this.#time() };
    const known = this.#parts.link.records.state?.record;
    if (known === undefined || caughtUp(known, remembered, opened) === undefined) {
      await writer.commitWorld(membersOf(this.#situation()), this.#time());
      return;
    }
    const { mark, round } = remembered;
    const last =
      mark === undefined ? 'none was committed' : `the last one is of step ${mark.head.step}`;
    const text = `the bus has forgotten what was agreed on: ${round} rounds trained, and of their checkpoints ${last}`;
    // Before the record is changed: where the answer to that is lost, it is not changed again.
    report.line('warn', 'supervisor', text);
    await writer.changeState((state) => caughtUp(state, remembered, opened) ?? state);
  }

  async #start(assignment: RankAssignment): Promise<void> {
    const { training, report, link } = this.#parts;
    const { record } = link.records.state ?? {};
    const world = worldIn(link.records);
    if (record === undefined || world === undefined) return;
    this.#recoverySeconds = undefined;
    this.#toldPace = undefined;
    const { round } = record;
    const from = world.restore?.step ?? record.checkpoint?.step ?? 0;
    const memory = world.restore === undefined ? '' : ', from memory';
    const goes = round === 1 && from === 0 ? 'begins' : `goes on after step ${from}`;
    const text = `training of round ${round} ${goes}${ranksInWords(assignment)}${memory}`;
    report.event('Started', text, { round, step: from });
    try {
      this.#process = await training.start({
        ...{ state: record, desired: link.records.desired?.record, assignment, world },
        onChange: () => this.changed(),
      });
    } catch (thrown) {
      const { code, message } = toAnnealError(thrown);
      const found = isStorageFull(thrown) ? 'E_STORAGE_FULL' : code;
      if (found !== 'E_STORAGE_FULL' && found !== 'E_CHECKPOINT_CORRUPTED') throw thrown;
      this.#endedBefore(round, failureWith(found, message));
    }
  }

  async #kill(why: Extract<Action, { type: 'Kill' }>['why']): Promise<void> {
    const { report } = this.#parts;
    const process = this.#process;
    if (process === undefined) return;
    if (why !== 'Hang') return process.kill('Stopped');
    const failure = process.hangFailure();
    report.event('Hung', failure.message, { round: process.round, code: failure.code });
    await process.kill(failure);
  }

  async #open({ cause, change }: Extract<Action, { type: 'Open' }>): Promise<void> {
    const { writer, report, config } = this.#parts;
    const opened = { by: config.pod.name, cause, at: this.#time() };
    const ending = this.#process?.state.type === 'Ended' ? this.#process.state.ending : undefined;
    if (!(await writer.changeState((state) => withRound(state, opened, change)))) return;
    const why = typeof ending === 'object' ? ending.message : causeInWords(cause);
    report.event('Ended', `${why}; a new round is opened (${cause})`, {
      ...(typeof ending === 'object' ? { code: ending.code } : {}),
    });
  }

  async #commit(saved: Saved, result: TrainingResult | undefined): Promise<void> {
    const { writer, report, training } = this.#parts;
    const round = this.#process?.round ?? 0;
    const head = { ...(await training.headOf(round, saved)), time: this.#time() };
    let counted = false;
    let restarts: StateRecord['restarts'] | undefined;
    const committed = await writer.changeState((state) => {
      const { checkpoint } = state;
      counted = checkpoint?.round === round && checkpoint.step === head.step;
      const next = withCheckpoint(state, head, this.#recoverySeconds);
      restarts = next.restarts;
      return result === undefined ? next : withSuccess(next, result);
    });
    if (!committed || restarts === undefined) return;
    this.#process?.tellCounted(head.step);
    // The last one is committed again with the result of the training, and told once.
    if (!counted) {
      const text = `the checkpoint of step ${head.step} counts`;
      report.event('Committed', text, { round, step: head.step });
    }
    await training.remember({ head, restarts }).catch((error: unknown) => {
      // The bus knows it; this is for the day on which it forgets.
      report.line('debug', 'supervisor', `the checkpoint was not noted on the volume: ${error}`);
    });
  }

  async #fail(failure: Failure): Promise<void> {
    const { writer, config } = this.#parts;
    await writer.changeState((state) => withFailure(state, failure, config.pod.index));
  }

  async #acknowledge(change: Extract<Action, { type: 'Acknowledge' }>['change']): Promise<void> {
    const { writer, report, link } = this.#parts;
    const state = link.records.state?.record;
    if (state === undefined) return;
    const { round, opened } = state;
    if (!(await writer.acknowledge(round, change))) return;
    if (change.stoppedStep !== undefined) {
      report.event('Stopped', `stopped as asked after step ${change.stoppedStep}`, { round });
    }
    if (change.restored !== true) return;
    const step = this.#process?.facts.firstStep ?? 0;
    report.event('Restored', `model and state are in place at step ${step}`, { round, step });
    const seconds = (this.#parts.clock.now() - Date.parse(opened.at)) / 1000;
    if (round > 1) this.#recoverySeconds = Math.max(0, seconds);
  }

  async #leave({ code, failure, why }: Extract<Action, { type: 'Exit' }>): Promise<PodEnd> {
    const { training, report, link, writer, config, publish } = this.#parts;
    await this.#process?.kill('Stopped');
    const state = link.records.state?.record;
    const finished = state?.result?.type === 'Succeeded' ? state : undefined;
    let published: TerminationMessage['published'];
    if (finished !== undefined) {
      // Of several, the first alone: whoever publishes does it again if that one was lost
      // meanwhile.
      if (isFirst(this.#situation())) {
        await training.settle(finished);
        published = await publish();
      }
      await writer.acknowledge(finished.round, { finished: true }).catch(() => {
        // The result is in the record; this was a courtesy.
      });
    }
    const bad = failure ?? (code === 0 ? undefined : failedOf(state, code));
    report.line(bad === undefined ? 'info' : 'error', 'supervisor', why);
    if (finished !== undefined)
      return { exitCode: code, terminationMessage: finishedMessage(finished, published) };
    if (bad === undefined) return { exitCode: code, terminationMessage: undefined };
    const where = { round: state?.round, index: config.pod.index };
    return { exitCode: code, terminationMessage: failureMessage(bad, where) };
  }

  #time(): string {
    return new Date(this.#parts.clock.now()).toISOString();
  }
}
