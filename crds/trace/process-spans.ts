// Spans of a job's process, derived from its messages: the trainer itself does no tracing, and the
// process that supervises it creates the spans. Stages, the plan, the first step, checkpoints, and
// the process around them.
import type { StageRole } from '../stages/stage.ts';
import type { Telemetry, TelemetryOf } from '../wire/telemetry.ts';
import type { Span, SpanAttributes, SpanContext, SpanSink } from './span.ts';

interface ProcessFacts {
  readonly role: StageRole;
  readonly parent: SpanContext;
  readonly startMs: number;
  readonly attributes?: SpanAttributes;
  readonly newId: () => string;
  readonly put: SpanSink;
}

interface OpenStage {
  readonly name: string;
  readonly startMs: number;
  readonly attributes: SpanAttributes;
  endMs: number;
}

export class ProcessSpans {
  readonly #facts: ProcessFacts;
  readonly #own: SpanContext;
  /**
   * By stage and subject. Files are fetched and verified concurrently, so those stages stay open
   * until another one begins.
   */
  readonly #open = new Map<string, OpenStage>();
  /** When the last part before the first step ended; undefined after the first step. */
  #readyMs: number | undefined;
  #error: string | undefined;

  constructor(facts: ProcessFacts) {
    this.#facts = facts;
    this.#own = { traceId: facts.parent.traceId, spanId: facts.newId() };
    this.#readyMs = facts.startMs;
  }

  hear(message: Telemetry): void {
    const timeMs = message.time * 1000;
    switch (message.type) {
      case 'stage':
        this.#stage(message, timeMs);
        return;
      case 'plan':
        this.#plan(message, timeMs);
        return;
      case 'step':
        this.#step(message, timeMs);
        return;
      case 'checkpoint': {
        const { step, bytes } = message;
        const attributes = { 'anneal.step': step, 'anneal.bytes': bytes };
        this.#part('checkpoint', timeMs - message.ms, timeMs, attributes);
        return;
      }
      case 'failure':
        this.#error = `${message.message} (${message.code})`;
        return;
      case 'evaluation':
      case 'sample':
      case 'artifact':
      case 'warning':
      case 'end':
        return;
      default:
        message satisfies never;
    }
  }

  /** The rendezvous is complete, and a trainer starts. */
  rendezvousDone(timeMs: number, round: number | undefined): void {
    const startMs = this.#readyMs ?? timeMs;
    this.#part('rendezvous', startMs, timeMs, { 'anneal.round': round });
    this.#readyMs = timeMs;
  }

  /** The trainer ended, and another one will start: later parts are measured from here. */
  lost(timeMs: number): void {
    this.#closeAll();
    this.#readyMs = timeMs;
  }

  /** The process has ended, and all open stages with it. */
  end(timeMs: number, error?: string): void {
    this.#closeAll();
    const { role, parent, startMs, attributes = {}, put } = this.#facts;
    const why = error ?? this.#error;
    put({
      ...{ ...this.#own, parentId: parent.spanId, name: role, startMs, endMs: timeMs, attributes },
      ...(why === undefined ? {} : { error: why }),
    });
  }

  #stage({ stage, state, subject, total, unit }: TelemetryOf<'stage'>, timeMs: number): void {
    const sideBySide = stage === 'Fetch' || stage === 'Verify';
    // The subject of an evaluation changes meanwhile, and files are verified one by one.
    const key = stage === 'Fetch' ? `${stage} ${subject}` : stage;
    if (!sideBySide) this.#closeAll(key);
    const open = this.#open.get(key) ?? {
      name: nameOf(stage, this.#facts.role),
      ...{ startMs: timeMs, endMs: timeMs },
      attributes: {
        ...(stage === 'Verify' || subject === undefined ? {} : { 'anneal.subject': subject }),
        ...(total === undefined || unit === undefined
          ? {}
          : { [`anneal.${unit.toLowerCase()}`]: total }),
      },
    };
    open.endMs = timeMs;
    this.#open.set(key, open);
    if (state === 'Done' && !sideBySide) this.#close(key);
  }

  #plan({ firstStep, totalSteps, method }: TelemetryOf<'plan'>, timeMs: number): void {
    const startMs = this.#readyMs ?? timeMs;
    this.#closeAll();
    const attributes = { 'anneal.method': method, 'anneal.total_steps': totalSteps };
    this.#part('plan', startMs, timeMs, { ...attributes, 'anneal.resumed_from': firstStep });
    this.#readyMs = timeMs;
  }

  #step({ step, stepMs, tokens }: TelemetryOf<'step'>, timeMs: number): void {
    if (this.#readyMs === undefined) return;
    this.#closeAll();
    this.#readyMs = undefined;
    const attributes = { 'anneal.step': step, 'anneal.tokens': tokens };
    this.#part('first step', timeMs - stepMs.total, timeMs, attributes);
  }

  #closeAll(except?: string): void {
    for (const key of [...this.#open.keys()]) if (key !== except) this.#close(key);
  }

  #close(key: string): void {
    const stage = this.#open.get(key);
    if (stage === undefined) return;
    this.#open.delete(key);
    this.#part(stage.name, stage.startMs, stage.endMs, stage.attributes);
    if (this.#readyMs !== undefined) this.#readyMs = stage.endMs;
  }

  #part(name: string, startMs: number, endMs: number, attributes: SpanAttributes): void {
    const { newId, put } = this.#facts;
    const { traceId, spanId: parentId } = this.#own;
    put({ traceId, spanId: newId(), parentId, name, startMs, endMs, attributes } satisfies Span);
  }
}

/** `Prepare` is tokenisation, except for a trainer, which inspects the model. */
function nameOf(stage: TelemetryOf<'stage'>['stage'], role: StageRole): string {
  return stage === 'Prepare' && role === 'prepare' ? 'tokenise' : stage.toLowerCase();
}
