//! Named tests of right values.
