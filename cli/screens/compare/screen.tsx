// Jobs beside each other while they go on: the curves in one picture, the table with its verdicts, then what was asked differently, as far as
// the window reaches. Curves differ by dash and by letter; colours repeat it.
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { type Compared, compareJobs } from '../../commands/compare.ts';
import { ends, Line, type Look, Rule } from '../../components/line.tsx';
import { clockText } from '../../format/age.ts';
import {
  curvePicture,
  differenceLines,
  seriesMark,
  tableLines,
} from '../../format/compare-text.ts';
import { seconds } from '../../format/numbers.ts';
import { styleOf } from '../../format/palette.ts';
import { phaseOf } from '../../jobs/job.ts';
import type { Away } from './live-histories.ts';

interface CompareProps {
  readonly look: Look;
  readonly all: readonly Compared[];
  readonly away: readonly (Away & { readonly name: string })[];
}

export function CompareScreen({ look, all, away }: CompareProps): ReactNode {
  const comparison = compareJobs(all);
  const table = tableLines(comparison, look.columns);
  const differences = differenceLines(comparison, look.columns);
  // Head, rule, keys, the frame of the picture, the rules above table and differences.
  const fixed = 7 + away.length + all.length + table.length;
  const height = Math.max(3, Math.min(14, look.rows - fixed - Math.min(6, differences.length)));
  const room = look.rows - fixed - height;
  return (
    <Box flexDirection="column" height={look.rows} width={look.columns} overflow="hidden">
      <Line look={look} style={{ bold: true }}>
        {ends(`anneal compare · ${all.length} jobs`, clockText(look.now), look.columns)}
      </Line>
      {away.map(({ name, since, why }) => (
        <Line key={name} look={look} style={{ color: 'yellow', bold: true }}>
          {`stale ${seconds(look.now - since)} · ${name}: ${why}`}
        </Line>
      ))}
      {all.map((one, index) => (
        <Mark key={one.job.uid} look={look} one={one} index={index} />
      ))}
      <Picture look={look} all={all} height={height} />
      <Rule look={look} title={all.length === 2 ? 'B beside A' : 'beside A'} />
      {table.map((line) => (
        <Line key={line} look={look}>
          {line}
        </Line>
      ))}
      <Differences look={look} lines={differences} room={room} />
      <Box flexGrow={1} />
      <Line look={look} style={{ dim: true }}>
        {'q leave; jobs go on'}
      </Line>
    </Box>
  );
}

function Mark({ look, one, index }: { look: Look; one: Compared; index: number }): ReactNode {
  const { job, history } = one;
  const { text, color } = seriesMark(job.name, index, look.glyphs);
  const phase = phaseOf(job);
  const last = history.steps.at(-1);
  const total = last?.totalSteps ?? job.status.progress?.totalSteps;
  const step = last === undefined ? '' : ` step ${last.step}/${total}`;
  const words = `${styleOf(phase).glyph} ${phase}${step}`;
  return (
    <Line look={look} style={color === undefined ? {} : { color }}>
      {ends(text, words, look.columns)}
    </Line>
  );
}

function Picture({ look, all, height }: { look: Look; all: readonly Compared[]; height: number }) {
  const { columns, glyphs, color: hasColor } = look;
  const picture = curvePicture(all, { width: columns, height }, glyphs);
  if (picture === undefined) {
    return (
      <>
        <Rule look={look} title="train loss" />
        <Line look={look}>{'  no steps yet'}</Line>
      </>
    );
  }
  return (
    <>
      <Rule look={look} title="train loss" />
      {picture.rows.map(({ label, pieces }, row) => (
        // Rows have no identity beyond their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: the number of rows is fixed
        <Text key={row} wrap="truncate-end">
          {look.glyphs.text(`${label} ┤`)}
          {joined(pieces).map(({ text, color }, at) =>
            color === undefined || !hasColor ? (
              text
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a row have no name
              <Text key={at} color={color}>
                {text}
              </Text>
            ),
          )}
        </Text>
      ))}
      <Line look={look} style={{ dim: true }}>
        {picture.foot}
      </Line>
    </>
  );
}

type Pieces = NonNullable<ReturnType<typeof curvePicture>>['rows'][number]['pieces'];

/** Neighbours of one colour are one piece: fewer to draw. */
function joined(pieces: Pieces): Pieces {
  const all: { text: string; color?: Pieces[number]['color'] }[] = [];
  for (const { text, color } of pieces) {
    const last = all.at(-1);
    if (last !== undefined && last.color === color) last.text += text;
    else all.push(color === undefined ? { text } : { text, color });
  }
  return all as Pieces;
}

interface DifferencesProps {
  readonly look: Look;
  readonly lines: readonly string[];
  readonly room: number;
}

function Differences({ look, lines, room }: DifferencesProps): ReactNode {
  if (room < 2) return null;
  const shown = lines.length <= room ? lines : lines.slice(0, room - 1);
  const more = lines.length - shown.length;
  return (
    <>
      <Rule look={look} title="what was asked differently" />
      {shown.map((line) => (
        <Line key={line} look={look}>
          {line}
        </Line>
      ))}
      {more === 0 ? null : (
        <Line
          look={look}
          style={{ dim: true }}
        >{`and ${more} lines more; anneal compare prints all`}</Line>
      )}
    </>
  );
}
