// Checkpoints as the training loop uses them; checkpoints.ts keeps them in folders.
import type { RollbackAccount, TrainerState } from './trainer-state.ts';

export interface Checkpoints {
  /**
   * Step of the newest save of this process, or of the newest one that existed when the run
   * resumed; null where there is none.
   */
  readonly savedStep: number | null;
  /** Whether a save is due after this step, by interval or measured cost. Collective. */
  due(state: TrainerState): boolean;
  /**
   * Saves the state. When it returns, the state may change while the save continues in the
   * background. Waits first for a save that is still running.
   */
  begin(state: TrainerState): Promise<void>;
  /** Step of the running save; null where none runs. */
  readonly runningStep: number | null;
  /** Lets a running save advance; collective, between steps. */
  follow(): Promise<void>;
  /** Waits for the running save. */
  finish(): Promise<void>;
  /** Loads the newest intact checkpoint into the model; null when there is none. */
  restore(): Promise<TrainerState | null>;
  /**
   * Writes the account beside the checkpoint that was restored last; a run that resumes from it
   * later starts with this account. Collective.
   */
  rememberRollback(account: RollbackAccount): Promise<void>;
}
