/** Runs that one process trains together at most. */
export const mostPacked = 32;
