// Jobs side by side while they run: the curves in one plot, the table with its verdicts, then the
// differences of the specs as far as they fit. Dash and letter tell the curves apart; colours
// repeat it.
import { Box, Text } from 'ink';
import { type ReactNode, useEffect, useMemo } from 'react';
import { type Display, ends, Line, Rule } from '../../components/line.tsx';
import { phaseOf } from '../../jobs/job.ts';
import {
  type Compared,
  type Comparison,
  compareJobs,
  type Equal,
} from '../../metrics/comparison.ts';
import { type MetricName, metricLabel } from '../../metrics/history.ts';
import { passedMs } from '../../process/clock.ts';
import { clockText } from '../../terminal/age.ts';
import { seconds } from '../../terminal/numbers.ts';
import { shadeOf, styleOf } from '../../terminal/palette.ts';
import { axisOf, curvePicture, seriesMark } from '../../text/compare-curves.ts';
import { differenceLines, tableLines } from '../../text/compare-table.ts';
import type { Away } from './live-histories.ts';

export interface CompareProps {
  readonly display: Display;
  readonly all: readonly Compared[];
  readonly away: readonly (Away & { readonly name: string })[];
  readonly equal: Equal;
  readonly metric: MetricName;
  /** Receives the milliseconds that the comparison took. */
  readonly took?: (ms: number) => void;
  /** The last line; empty where the surrounding screen has one. */
  readonly keys?: string;
}

export function CompareScreen(props: CompareProps): ReactNode {
  const { display, all, away, equal, metric, keys = 'q leave; jobs continue' } = props;
  // The clock ticks between messages, but does not change the comparison.
  const compared = useMemo(() => timed(() => compareJobs(all, equal)), [all, equal]);
  const { found: comparison } = compared;
  const table = tableLines(comparison, display.columns);
  const differences = differenceLines(comparison, display.columns);
  // Title, rule, keys, the frame of the plot, the rules above table and differences.
  const fixed = 7 + away.length + all.length + table.length;
  const height = Math.max(3, Math.min(14, display.rows - fixed - Math.min(6, differences.length)));
  const room = display.rows - fixed - height;
  return (
    <Box flexDirection="column" height={display.rows} width={display.columns} overflow="hidden">
      <Line display={display} style={{ bold: true }}>
        {ends(`anneal compare · ${all.length} jobs`, clockText(display.now), display.columns)}
      </Line>
      {away.map(({ name, since, why }) => (
        <Line key={name} display={display} style={{ color: 'yellow', bold: true }}>
          {`stale ${seconds(display.now - since)} · ${name}: ${why}`}
        </Line>
      ))}
      {all.map((one, index) => (
        <Mark key={one.job.uid} display={display} one={one} index={index} />
      ))}
      <Picture
        {...{ display, all, height, comparison, metric, took: props.took }}
        before={compared.ms}
      />
      <Rule display={display} title={all.length === 2 ? 'B against A' : 'against A'} />
      {table.map((line) => (
        <Line key={line} display={display}>
          {line}
        </Line>
      ))}
      <Differences display={display} lines={differences} room={room} />
      <Box flexGrow={1} />
      {keys === '' ? null : (
        <Line display={display} style={{ dim: true }}>
          {keys}
        </Line>
      )}
    </Box>
  );
}

function Mark({
  display,
  one,
  index,
}: {
  display: Display;
  one: Compared;
  index: number;
}): ReactNode {
  const { job, history } = one;
  const { text, color } = seriesMark(job.name, index, display.glyphs);
  const phase = phaseOf(job);
  const last = history.steps.at(-1);
  const total = last?.totalSteps ?? job.status.progress?.totalSteps;
  const step = last === undefined ? '' : ` step ${last.step}/${total}`;
  const words = `${styleOf(phase).glyph} ${phase}${step}`;
  return (
    <Line display={display} style={color === undefined ? {} : { color }}>
      {ends(text, words, display.columns)}
    </Line>
  );
}

function timed<T>(find: () => T): { readonly found: T; readonly ms: number } {
  const began = passedMs();
  const found = find();
  return { found, ms: passedMs() - began };
}

interface PictureProps extends Pick<CompareProps, 'display' | 'all' | 'metric'> {
  readonly took: CompareProps['took'] | undefined;
  /** Milliseconds of the previous comparison. */
  readonly before: number;
  readonly height: number;
  readonly comparison: Comparison;
}

function Picture(props: PictureProps): ReactNode {
  const { display, all, height, comparison, metric, took, before } = props;
  const { columns, glyphs, color: colors } = display;
  const axis = axisOf(comparison);
  const title = metricLabel(metric);
  const { found: picture, ms } = useMemo(
    () => timed(() => curvePicture(all, { metric, axis }, { width: columns, height }, glyphs)),
    [all, metric, axis, columns, height, glyphs],
  );
  useEffect(() => took?.(before + ms), [took, before, ms]);
  if (picture === undefined) {
    return (
      <>
        <Rule display={display} title={title} />
        <Line display={display}>{metric === 'loss' ? '  no steps yet' : '  no values yet'}</Line>
      </>
    );
  }
  return (
    <>
      <Rule display={display} title={title} />
      {picture.rows.map(({ label, pieces }, row) => (
        // Rows have no identity other than their index.
        // biome-ignore lint/suspicious/noArrayIndexKey: the number of rows is fixed
        <Text key={row} wrap="truncate-end">
          {display.glyphs.text(`${label} ┤`)}
          {joined(pieces).map(({ text, color }, at) => {
            const shade = shadeOf(color, colors);
            if (shade === undefined) return text;
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a row have no name
              <Text key={at} color={shade}>
                {text}
              </Text>
            );
          })}
        </Text>
      ))}
      <Line display={display} style={{ dim: true }}>
        {picture.foot}
      </Line>
    </>
  );
}

type Pieces = NonNullable<ReturnType<typeof curvePicture>>['rows'][number]['pieces'];

/** Merges neighbours of one colour: fewer elements to draw. */
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
  readonly display: Display;
  readonly lines: readonly string[];
  readonly room: number;
}

function Differences({ display, lines, room }: DifferencesProps): ReactNode {
  if (room < 2) return null;
  const shown = lines.length <= room ? lines : lines.slice(0, room - 1);
  const more = lines.length - shown.length;
  return (
    <>
      <Rule display={display} title="differences of the specs" />
      {shown.map((line) => (
        <Line key={line} display={display}>
          {line}
        </Line>
      ))}
      {more === 0 ? null : (
        <Line
          display={display}
          style={{ dim: true }}
        >{`and ${more} more lines; anneal compare prints all`}</Line>
      )}
    </>
  );
}
