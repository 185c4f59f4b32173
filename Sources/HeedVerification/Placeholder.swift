// The first file of the module is on its way.
