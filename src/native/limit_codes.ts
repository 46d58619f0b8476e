// The numbers by which the addon answers, apart from addon.ts: whoever imports that file loads the addon.

/** Excess above burst: refuse. */
export const LIMIT_REJECTED = -1
/** Every key was empty or too long: nothing was looked at. */
export const LIMIT_NOT_ACCOUNTED = -2
/** No memory for a node even after evicting everything idle: refuse, with nginx's alert. */
export const LIMIT_NO_MEMORY = -3

/** What registerLimitName returns: 0 is well. */
export const LIMIT_NAME_OTHER_ALGORITHM = 1
export const LIMIT_NAME_NO_ROOM = 2
