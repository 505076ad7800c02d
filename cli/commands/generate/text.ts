// A generator in lines: how far it is, and at the end a line for each adapter that was made. JSON
// has its record.
import { sanitize } from '../../../crds/text/sanitize.ts';
import type {
  GeneratedAdapter,
  GeneratedRecord,
  GeneratorRun,
} from '../../../crds/wire/generator.ts';
import type { Stored } from '../../client/numbered-store.ts';
import type { GeneratorView } from '../../generator/run-generator.ts';
import { bytes, percent, real } from '../../terminal/numbers.ts';
import { jsonEnds, lastLine, type WorkView } from '../local-work/perform.ts';

type WholeView = GeneratorView & WorkView;

type Write = (line: string) => void;
type StoredGenerator = Stored<GeneratorRun>;

export function generatorLines(write: Write, { record, folder }: StoredGenerator): WholeView {
  const { name, spec } = record;
  const say = (line: string): void => write(sanitize(line));
  return {
    begin(continued) {
      const adapters = spec.tasks.reduce((sum, task) => sum + task.adapters.length, 0);
      say(`${name}: ${continued ? 'resuming' : 'new generator'} ${folder}`);
      say(`${'learns'.padEnd(10)} ${adapters} adapters of ${spec.tasks.length} tasks`);
    },
    progress(who, words) {
      say(`${who.padEnd(10)} ${words}`);
    },
    made(made) {
      for (const line of madeLines(made)) say(line);
    },
    warn(sentence) {
      say(`${'warning'.padEnd(10)} ${sentence}`);
    },
    end(state) {
      say(lastLine(name, state));
    },
  };
}

/** Pure. */
function madeLines({ bytes: own, adapterBytes, adapters }: GeneratedRecord): readonly string[] {
  return [
    `${'generator'.padEnd(10)} ${bytes(own)}, learned from ${bytes(adapterBytes)} of adapters`,
    ...adapters.map((one) => `${one.name.padEnd(10)} ${adapterInWords(one)}`),
  ];
}

function adapterInWords({ task, seed, losses, error }: GeneratedAdapter): string {
  const { base, own, generated } = losses;
  return [
    task === undefined ? `by examples, seed ${seed}` : `of ${task}, seed ${seed}`,
    `loss ${real(generated)}`,
    ...(own === undefined ? [] : [`own adapter ${real(own)}`]),
    `base ${real(base)}`,
    ...(error === undefined ? [] : [`${percent(error)} from the own adapter`]),
  ].join(' · ');
}

export function generatorJson(write: Write, stored: StoredGenerator): WholeView {
  const say = (content: object): void => write(JSON.stringify(content));
  return {
    ...jsonEnds(say, stored),
    progress: (who, words) => say({ type: 'progress', who, words }),
    made: (made) => say({ type: 'made', ...made }),
  };
}
