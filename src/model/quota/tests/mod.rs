mod charging;
mod policies;
mod presets;
