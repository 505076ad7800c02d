// What was made, a line for each folder. Pure.
import type { MadeBy, SampleRecord } from '../../../crds/sample/record.ts';
import { percent } from '../../terminal/numbers.ts';

export function madeLines({ made, pictures }: SampleRecord, to: string): readonly string[] {
  const widest = Math.max(...made.map(({ name }) => name.length));
  const lines = made.map((one) => `${one.name.padEnd(widest)}  ${inWords(one)}`);
  return [...lines, `${pictures.count} pictures of each in ${to}`];
}

function inWords({ composition, sequencing, blocks, seconds }: MadeBy): string {
  const parts = composition?.parts.map(({ adapter }) => adapter).join(' + ');
  const { early = [], late = [], turns = [] } = sequencing ?? {};
  // A turn that has begun is not cut short.
  const change = turns.find(({ leader }) => late.includes(leader));
  const order = [
    `${early.join(', ')} first`,
    ...(change === undefined ? [] : [`${late.join(', ')} from step ${change.step + 1} on`]),
  ];
  return [
    ...(composition === undefined ? [] : [`${composition.mode} of ${parts}`]),
    ...(sequencing === undefined ? [] : order),
    ...(blocks.passed === blocks.all ? [] : [`${percent(blocks.passed / blocks.all)} of blocks`]),
    `${seconds.toFixed(1)} s`,
  ].join(' · ');
}
