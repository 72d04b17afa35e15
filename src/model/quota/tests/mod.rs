mod charging;
mod naive;
mod policies;
mod presets;
