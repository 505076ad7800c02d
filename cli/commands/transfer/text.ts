// A transfer in lines: what was made, how the job goes, and how both adapters compare.
import { sanitize } from '../../../crds/text/sanitize.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import type { ComparisonRecord, SyntheticRecord } from '../../../crds/wire/transfer.ts';
import type { Stored } from '../../client/numbered-store.ts';
import { real } from '../../terminal/numbers.ts';
import type { TransferView } from '../../transfer/run-transfer.ts';
import { jsonEnds, lastLine, type WorkView } from '../local-work/perform.ts';

type WholeView = TransferView & WorkView;

type Write = (line: string) => void;
type AnyStored = Stored<{ readonly name: string }>;

export function transferLines(write: Write, { record, folder }: AnyStored): WholeView {
  const { name } = record;
  const say = (word: string, line: string): void => write(sanitize(`${word.padEnd(10)} ${line}`));
  return {
    begin: (continued) => write(sanitize(`${name}: ${continued ? 'resuming' : 'new'} ${folder}`)),
    message(stage, message) {
      const words = wordsOf(message);
      if (words !== undefined) say(stage, words);
    },
    warn: (sentence) => say('warning', sentence),
    synthetic: (made) => say('synthetic', syntheticInWords(made)),
    comparison: (found) => say('compare', comparisonInWords(found)),
    end: (state) => write(sanitize(lastLine(name, state))),
  };
}

/** Undefined for what is worth no line. */
function wordsOf(message: Telemetry): string | undefined {
  if (message.type === 'step') {
    const { step, totalSteps, loss } = message;
    return `step ${step} of ${totalSteps} · loss ${loss === null ? 'not finite' : real(loss)}`;
  }
  if (message.type === 'evaluation') {
    const { step, loss } = message;
    return `held-out loss ${loss === null ? 'not finite' : real(loss)} after step ${step}`;
  }
  if (message.type === 'warning') return message.message;
  if (message.type !== 'stage') return undefined;
  const { subject, done, total, note, unit } = message;
  const isCounted = unit === 'Records' && done !== undefined;
  if (!isCounted && note === undefined) return undefined;
  return [
    ...(subject === undefined ? [] : [subject]),
    ...(isCounted ? [`${done} of ${total}`] : []),
    ...(note === undefined ? [] : [note]),
  ].join(' · ');
}

function syntheticInWords({
  train,
  heldOut,
  candidates,
  meanProbability,
}: SyntheticRecord): string {
  return `${train} records to train on, ${heldOut} held out, of ${candidates} candidates · mean probability ${meanProbability.toFixed(3)}`;
}

/** Shares of words in common with the references. */
function comparisonInWords({ on, prompts, teacher, student, base, relative }: ComparisonRecord) {
  const where = on === 'Tests' ? 'tests' : 'held-out prompts';
  return [
    `on ${prompts} ${where}: overlap ${student.overlap.toFixed(3)}, equal ${student.exact.toFixed(3)}`,
    `the old adapter ${teacher.overlap.toFixed(3)}`,
    `the new base ${base.overlap.toFixed(3)}`,
    ...(relative === undefined ? [] : [`${relative.toFixed(3)} of the old adapter`]),
  ].join(' · ');
}

export function transferJson(write: Write, stored: AnyStored): WholeView {
  const say = (content: object): void => write(JSON.stringify(content));
  return {
    ...jsonEnds(say, stored),
    message: (stage, message) => say({ type: 'progress', stage, message }),
    synthetic: (made) => say({ ...made, type: 'synthetic' }),
    comparison: (found) => say({ ...found, type: 'comparison' }),
  };
}
