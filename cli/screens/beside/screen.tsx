// One server with its adapters, one pool with its jobs, or one federation with the clients of its
// last round.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Display, ends, Line, Rule } from '../../components/line.tsx';
import { type BesideJob, besideKey } from '../../jobs/beside.ts';
import { whyBesideJobs } from '../../jobs/why-beside-jobs.ts';
import { clockText } from '../../terminal/age.ts';
import { columnsOf } from '../../terminal/columns.ts';
import { wrap } from '../../terminal/wrap.ts';
import { besideFacts, besideState } from '../../text/beside-state.ts';
import { clientColumns, roundClients } from '../../text/client-columns.ts';
import { packedColumns } from '../../text/packed-columns.ts';
import { servedColumns } from '../../text/served-columns.ts';

interface BesideProps {
  readonly display: Display;
  readonly name: string;
  /** Undefined while it is not known, and after it was deleted. */
  readonly one: BesideJob | undefined;
  /** Rows above the first that is shown. */
  readonly scroll: number;
}

/** Title, rule, head of the table and keys. */
const linesAround = 5;

export function BesideScreen({ display, name, one, scroll }: BesideProps): ReactNode {
  if (one === undefined) return <Line display={display}>{`  loading ${name}`}</Line>;
  const { state, mark } = besideState(one);
  const { glyph, ...style } = mark;
  const [head = '', ...rows] = tableOf(one, display.columns - 2);
  const words = wordsOf(one, display.columns - 2);
  const height = Math.max(1, display.rows - linesAround - words.length);
  const first = Math.max(0, Math.min(scroll, rows.length - height));
  const shown = rows.slice(first, first + height);
  const title = [one.name, `${glyph} ${state}`, ...besideFacts(one)].join(' · ');
  return (
    <Box flexDirection="column">
      <Line display={display} style={{ ...style, bold: true }}>
        {ends(title, clockText(display.now), display.columns)}
      </Line>
      <Rule display={display} title="" />
      {words.map(({ key, text }) => (
        <Line key={key} display={display}>{`  ${text}`}</Line>
      ))}
      <Line display={display} style={{ dim: true }}>{`  ${head}`}</Line>
      {shown.map((text) => (
        <Line key={`${besideKey(one)} ${text}`} display={display}>{`  ${text}`}</Line>
      ))}
    </Box>
  );
}

const plain = (text: string) => text;

function tableOf(one: BesideJob, width: number): readonly string[] {
  if (one.kind === 'TrainingPool') {
    return columnsOf(one.status.jobs ?? [], packedColumns(plain), width);
  }
  return one.kind === 'AdapterServer'
    ? columnsOf(one.status.adapters ?? [], servedColumns(plain), width)
    : columnsOf(roundClients(one), clientColumns(plain), width);
}

/** Why it is as it is, and what can be done. */
function wordsOf(one: BesideJob, width: number) {
  const { happened, doing, change } = whyBesideJobs(one);
  return (
    [happened, doing, change]
      .filter((text) => text !== '')
      .flatMap((text) => wrap(text, width))
      // Two lines may be alike.
      .map((text, index) => ({ key: String(index), text }))
  );
}
