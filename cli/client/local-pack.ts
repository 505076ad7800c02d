// Runs of this machine that train together, in one process on one base. Each ends by itself; with
// the process end those that had not.
import { Exit } from '../../crds/index.ts';
import { packedMessage } from '../../crds/wire/packed.ts';
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import { endOf, errorOf, type RoleEnd, startRole } from './local-role.ts';
import type { LocalOutcome, LocalProcess } from './local-run.ts';

type PackedRun = Pick<LocalProcess, 'folder' | 'onMessage'>;

/** Trains prepared runs; the outcomes in their order. */
export async function trainTogether(
  runs: readonly PackedRun[],
  { worker, variables = {}, stop, kill }: Omit<LocalProcess, 'folder' | 'onMessage'>,
): Promise<readonly LocalOutcome[]> {
  const failures = new Map<number, TelemetryOf<'failure'>>();
  const codes = new Map<number, number>();
  const hear = (raw: unknown): void => {
    const { data } = packedMessage.safeParse(raw);
    if (data === undefined) return;
    if ('exitCode' in data) {
      codes.set(data.run, data.exitCode);
      return;
    }
    if (data.message.type === 'failure') failures.set(data.run, data.message);
    runs[data.run]?.onMessage(data.message);
  };
  const [folder = '', ...others] = runs.map((run) => run.folder);
  const started = startRole({
    ...{ worker, role: 'pack', folder, others, variables },
    onMessage: () => {},
    onOther: hear,
  });
  const ended = await endOf(started, { stop, kill });
  return runs.map((_, run) => outcomeOf(codes.get(run), failures.get(run), ended, kill));
}

function outcomeOf(
  code: number | undefined,
  failure: TelemetryOf<'failure'> | undefined,
  ended: RoleEnd,
  kill: AbortSignal,
): LocalOutcome {
  if (code === 0) return { type: 'Complete' };
  if (code === Exit.PlannedStop || kill.aborted) return { type: 'Stopped' };
  if (failure !== undefined) return { type: 'Failed', error: errorOf(failure) };
  return ended.type === 'Failed' ? { type: 'Failed', error: ended.error } : { type: 'Stopped' };
}
