// The stages of a job in one line: `fetch done · prepare done · train 37 % · publish waits`. Words
// alone, so that it is the same on every terminal. Where it is too long, stages that are done, and
// then those that wait, are counted.
import type { Reference, StageName } from '../../crds/stages/stage.ts';
import type { StageStanding, StageState } from '../../crds/stages/stage-states.ts';

export function stageLine(states: readonly StageState[], width: number): string {
  const words = states.map(({ stage, ...state }) => `${stage.name} ${standingWords(state)}`);
  const begun = states.findIndex(({ standing }) => standing !== 'Done');
  const done = begun < 0 ? states.length : begun;
  const waiting = states.length - 1 - states.findLastIndex(({ standing }) => standing !== 'Waits');
  const shorter = [...(done > 1 ? [`${done} done`] : words.slice(0, done)), ...words.slice(done)];
  const shortest = [
    ...shorter.slice(0, shorter.length - waiting),
    ...(waiting > 1 ? [`${waiting} wait`] : shorter.slice(shorter.length - waiting)),
  ];
  const lines = [words, shorter, shortest].map((parts) => parts.join(' · '));
  return lines.find((line) => [...line].length <= width) ?? lines.at(-1) ?? '';
}

/** Stages that nobody has begun: `fetch · prepare · train · publish`. */
export function plannedLine(names: readonly StageName[], width: number): string {
  const isShort = (parts: readonly string[]) => [...parts.join(' · ')].length <= width;
  let parts: readonly string[] = names;
  for (let kept = names.length - 2; kept > 1 && !isShort(parts); kept--) {
    const first = Math.ceil(kept / 2);
    parts = [
      ...names.slice(0, first),
      `${names.length - kept} more`,
      ...names.slice(names.length - kept + first),
    ];
  }
  return parts.join(' · ');
}

/** The line each time that another stage begins, for output that is not drawn again. */
export function stageEdges(width: number): (states: readonly StageState[]) => string | undefined {
  let before: string | undefined;
  return (states) => {
    const now = states.find(({ standing }) => standing !== 'Done')?.stage.name;
    if (now === undefined || now === before) return undefined;
    before = now;
    return stageLine(states, width);
  };
}

function standingWords({ standing, percent }: Omit<StageState, 'stage'>): string {
  const far = percent === undefined ? undefined : `${percent} %`;
  if (standing === 'Now') return far ?? 'now';
  const word = standings[standing];
  return far === undefined ? word : `${word} at ${far}`;
}

const standings: Readonly<Record<Exclude<StageStanding, 'Now'>, string>> = {
  ...{ Done: 'done', Waits: 'waits', Failed: 'failed', Stopped: 'stopped' },
};

/** `model 3f2a9c01d4e7, records`. */
export function referenceWords(references: readonly Reference[]): string {
  return references.map(({ kind, digest }) => [kind, shortOf(digest)].join(' ').trim()).join(', ');
}

/** Enough to tell two apart. */
function shortOf(digest = ''): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
