#ifndef HEED_RESOURCES_H
#define HEED_RESOURCES_H

// What ships with the package, as files: models with their cards, and a text. README.md says why it is C.

/// The folder into which SwiftPM copies them, without its ending, which differs between systems.
#define HEED_RESOURCES "heed_HeedResources"

#endif
