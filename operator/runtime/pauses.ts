// How soon a controller looks at an object again.

/** Whether the informers have caught up with our writes. */
export const catchUpMs = 50;
/** Whether somebody else made possible what was refused. */
export const refusedMs = 30_000;
