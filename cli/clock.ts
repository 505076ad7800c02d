/** The time of this machine: the one place where the command line asks for it. */
export function now(): Date {
  return new Date();
}
