// The panel of the workers: step and stage of each, and how far it is behind. The slowest is marked
// with a word. Trainers of one worker do the same steps, so a worker of several devices has a line.
import type { ReactNode } from 'react';
import { type Display, Line, Rule } from '../../components/line.tsx';
import type { JobState } from '../../jobs/job-state.ts';
import { memoryWords } from '../../jobs/memory-words.ts';

interface WorkersProps {
  readonly display: Display;
  readonly state: JobState;
  /** Lines for workers. */
  readonly room: number;
}

/** Lines below the workers. */
export function linesBelow({ job, run }: JobState): number {
  const reasons = job?.status.workers?.notReadyReasons?.length ?? 0;
  return reasons + (run.step?.memory === undefined ? 0 : 1);
}

export function Workers({ display, state, room }: WorkersProps): ReactNode {
  const { job, workers, run } = state;
  if (job === null) return null;
  const { summary = '0', notReadyReasons = [] } = job.status.workers ?? {};
  const round = job.status.rendezvous?.round;
  const { devicesPerWorker } = job.spec.worker;
  const each = devicesPerWorker > 1 ? ` of ${devicesPerWorker} devices` : '';
  const world = round === undefined ? '' : `, round ${round}`;
  const most = workers.reduce((max, { heartbeat }) => Math.max(max, heartbeat.step), 0);
  const shown = workers.length <= room ? workers : workers.slice(0, Math.max(0, room - 1));
  const memory = run.step?.memory;
  return (
    <>
      <Rule display={display} title={`2 workers ${summary}${each}${world}`} />
      {workers.length === 0 ? null : (
        <Line display={display} style={{ dim: true }}>
          {`${devicesPerWorker > 1 ? ' pod' : 'rank'}    step   behind  doing`}
        </Line>
      )}
      {shown.map(({ index, heartbeat }) => {
        const behind = most - heartbeat.step;
        const late = behind > 1 ? '  slowest' : '';
        const doing =
          heartbeat.waitingOn === undefined
            ? heartbeat.stage.toLowerCase()
            : `waits in ${heartbeat.waitingOn}`;
        return (
          <Line key={index} display={display} style={behind > 1 ? { bold: true } : {}}>
            {`${String(index).padStart(4)} ${String(heartbeat.step).padStart(7)} ${String(behind).padStart(8)}  ${doing}${late}`}
          </Line>
        );
      })}
      {workers.length > shown.length ? (
        <Line display={display}>{`and ${workers.length - shown.length} more`}</Line>
      ) : null}
      {notReadyReasons.map(({ reason, count, example = '' }) => (
        <Line key={reason + example} display={display} style={{ color: 'yellow' }}>
          {`${count} not ready: ${reason}${example === '' ? '' : `, ${example}`}`}
        </Line>
      ))}
      {memory === undefined ? null : (
        <Line display={display}>{`memory ${memoryWords(memory)}`}</Line>
      )}
    </>
  );
}
